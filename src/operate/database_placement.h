// Puts a database file that was made beside its target in the target's place, whoever made it: nobody may
// have the target open, what was there is kept aside, and no -wal or -journal of the old file is adopted.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/durable_file.h"
#include "base/process_table.h"

namespace litewright {

// The file that `target` means, absolute. A symbolic link is followed: what it points at is replaced, not the
// link.
std::filesystem::path resolve_target(const std::string& target);

// Throws Error{kLocked} naming the processes that have the database's files open.
void refuse_while_open(const ProcessTable& processes, const std::filesystem::path& target);

// Gives `file` the owner and mode of what it replaces, keeps the old files as TARGET.before-WHY-TIME
// (their names are the result), and renames, durably. Throws as refuse_while_open(), and by errno; then the
// target is as it was.
std::vector<std::string> put_in_place(DurableFile& file, const std::filesystem::path& target,
                                      const ProcessTable& processes, WallTime now,
                                      const std::string& why = "restore");

// Keeps one file as FILE.before-restore-TIME, at no moment without a name; the new name, or nullopt where
// there is no such file. The folder is not synced.
std::optional<std::string> keep_file_aside(const std::filesystem::path& file, WallTime now);

// Whether a file was given its name so, or is the copy APP.db.before-WHY-TIME.db that a command made before
// it changed the database.
bool is_kept_aside(std::string_view file_name);

}  // namespace litewright
