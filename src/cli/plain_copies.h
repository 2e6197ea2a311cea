// The branches of backup, log, prune, restore and verify that deal with plain copies: files that any other
// tool can read.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "cli/command.h"

namespace litewright {

// --to, --form, --label, --table, --wal-ceiling, --full-check, --no-verify.
std::vector<Option> backup_copy_options();
// backup DB --to FILE|FOLDER
int run_backup_copy(const Invocation& invocation);

// Throws Error{kUsage} where the folder, meant to have copies, is an archive and has none.
void refuse_archive_folder(const Invocation& invocation, const std::filesystem::path& folder);

// The folder that the command's DB names, where it is one; throws as refuse_archive_folder() does.
std::optional<std::filesystem::path> named_folder(const Invocation& invocation);
// log FOLDER
int run_log_copies(const Invocation& invocation, const std::filesystem::path& folder);

// --label.
std::vector<Option> prune_copy_options();
// prune FOLDER
int run_prune_copies(const Invocation& invocation, const std::filesystem::path& folder);

// --from, --fall-back.
std::vector<Option> restore_copy_options();
// restore [DB] --from FILE|FOLDER
int run_restore_copy(const Invocation& invocation);

// The plain copy, or the folder of them, that the command's DB names; nullopt where it is something else: a
// database in use, or nothing that is there.
std::optional<std::filesystem::path> named_copy(const Invocation& invocation);
// --full-check.
std::vector<Option> verify_copy_options();
// verify FILE|FOLDER
int run_verify_copies(const Invocation& invocation, const std::filesystem::path& named);

}  // namespace litewright
