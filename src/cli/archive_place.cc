#include "cli/archive_place.h"

#include <algorithm>

#include <fmt/format.h>

#include "archive/archive_home.h"
#include "base/error.h"
#include "base/shell_words.h"
#include "cli/keep_options.h"
#include "cli/stop_signal.h"
#include "config/configuration.h"
#include "store/open_store.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

// That of --config where the command has it, else that of the usual places.
Configuration configuration_of(const Invocation& invocation) {
  std::optional<std::string> file;
  if (std::ranges::find(invocation.command.options, "config", &Option::name) !=
      invocation.command.options.end()) {
    file = invocation.value("config");
  }
  return find_configuration(file);
}

}  // namespace

ArchivePlace locate_archive(const Invocation& invocation, DatabaseFile file) {
  const DatabaseLocation location = invocation.database();
  if (location.kind != DatabaseKind::kSqlite) {
    throw Error(ErrorCode::kUsage,
                location.display + " is a PostgreSQL database; archives are for SQLite files",
                "pg_dump or pgBackRest keep its history");
  }
  if (file == DatabaseFile::kMustExist) require_database_file(location);
  ArchivePlace place;
  std::error_code missing;
  place.database = fs::canonical(location.path, missing);
  if (missing) place.database = fs::absolute(location.path).lexically_normal();
  place.display = location.display;
  place.archive =
      invocation.value("archive").value_or(configuration_of(invocation).archive_of(place.database));
  place.store = open_store(place.archive);
  return place;
}

std::optional<OwnerClient> connect_owner(const ArchivePlace& place) {
  require_archive_of(*place.store, place.database.string());
  return OwnerClient::connect(*place.store);
}

nlohmann::json ask_stoppably(OwnerClient& owner, const nlohmann::json& request,
                             std::chrono::milliseconds timeout) {
  std::optional<StopSignal> stop;
  if (!StopSignal::is_there()) stop.emplace();
  return owner.ask(request, timeout, stop ? stop->fd() : -1);
}

KeepRules archive_keep_rules(const Invocation& invocation, const ArchivePlace& place) {
  const KeepRules given = keep_rules_given(invocation);
  if (!given.empty()) return given;
  const Configuration configuration = configuration_of(invocation);
  const DatabaseSettings* settings = configuration.of(place.database);
  return settings == nullptr || settings->keep.empty() ? default_keep_rules() : settings->keep;
}

void require_archive(const ArchivePlace& place) {
  if (!place.store->list("segments/").empty()) return;
  throw Error(ErrorCode::kNoDatabase, fmt::format("no archive at {}", place.store->describe()),
              fmt::format("begin one with: litewright protect {}   (or name it: --archive FOLDER)",
                          shell_quoted(place.display)));
}

}  // namespace litewright
