// litewright.toml: which databases there are, where their archives lie, what is to hold of them. Every key
// but a database's path has a default; a key that is not known is an error that names the nearest right one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "check/thresholds.h"
#include "check/user_rules.h"

namespace litewright {

// One [[database]].
struct DatabaseSettings {
  std::string path = {};                             // or
  std::string glob = {};                             // "/data/tenants/*.db"
  std::string name = {};                             // default: the file's name
  std::vector<std::string> archives = {};            // empty: DB-archive beside the database
  std::vector<std::string> files = {};               // companions kept with each named point
  std::string journal_mode = {};                     // what it should be; empty: nothing is expected
  std::string busy_hours = {};                       // "08:00-18:00", local; empty: none
  std::string copies = {}, cold = {};                // folders of plain copies: new ones, old ones
  std::map<std::string, std::string> schedule = {};  // by "hourly", "daily", "weekly", "monthly": cron
  std::map<std::string, std::string> service = {};   // by "stop", "start", "restart", "status": commands
  std::string health_url = {}, health_query = {};
  std::map<std::string, std::uint64_t> min_rows = {};  // by table
  Thresholds thresholds = {};
  std::vector<UserRule> rules = {};
};

struct Configuration {
  std::filesystem::path file = {};  // empty: none was found, all is default
  std::string listen = "127.0.0.1:7070";
  std::vector<DatabaseSettings> databases = {};

  // Of the file `database`: that whose path means it, else whose glob matches; null where none does.
  const DatabaseSettings* of(const std::filesystem::path& database) const;
};

// `named`, else ./litewright.toml, else /etc/litewright/litewright.toml, else all defaults. Throws
// Error{kConfig} with file and line: not there (where named), not TOML, an unknown key, a value of another
// kind.
Configuration find_configuration(const std::optional<std::string>& named);

// `text` as the file `file` would hold it.
Configuration parse_configuration(std::string_view text, const std::filesystem::path& file);

// The keys there are: what parsing, `init` and docs/configuration.md go by.
enum class ConfigKind { kText, kTexts, kNumber };
struct ConfigKey {
  std::string_view section;  // "http", "database", "database.schedule", "database.rules"
  std::string_view name;
  ConfigKind kind;
  std::string_view fallback;  // what holds without it, as it would be written
  std::string_view what;
};
std::span<const ConfigKey> config_keys();

}  // namespace litewright
