// The database and the archive that a command line names.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "archive/keep_rules.h"
#include "archive/owner.h"
#include "cli/command.h"
#include "store/object_store.h"

namespace litewright {

struct ArchivePlace {
  std::filesystem::path database;  // absolute, links resolved where the file exists
  std::string display;             // as it was named, without a password
  std::string archive;  // the store, for command lines: "--archive" or the default beside the database
  std::unique_ptr<ObjectStore> store;
};

enum class DatabaseFile { kMustExist, kMayBeMissing };

// --archive, else DB-archive beside the database. Throws Error{kUsage} for a store that this build has no
// driver for, Error{kNoDatabase|kPermission} where the database must exist and doesn't.
ArchivePlace locate_archive(const Invocation& invocation, DatabaseFile file);

// The archiver that runs for it, where there is one, for what is to be done with the database itself. Throws
// Error{kUsage} where the archive is another database's (archive/archive_home.h).
std::optional<OwnerClient> connect_owner(const ArchivePlace& place);

// As OwnerClient::ask(), but Ctrl-C is answered with a word; not where the command has a StopSignal already.
nlohmann::json ask_stoppably(OwnerClient& owner, const nlohmann::json& request,
                             std::chrono::milliseconds timeout);

// Which of its restore points stay: by the command line, else by litewright.toml, else by default. For a
// command with keep_options().
KeepRules archive_keep_rules(const Invocation& invocation, const ArchivePlace& place);

// Throws Error{kNoDatabase} with a hint where nothing was ever archived at that place.
void require_archive(const ArchivePlace& place);

}  // namespace litewright
