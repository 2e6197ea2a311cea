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

#include "archive/keep_rules.h"
#include "check/thresholds.h"
#include "check/user_rules.h"
#include "config/alert_settings.h"
#include "schedule/timetable.h"

namespace litewright {

// One [[database]].
struct DatabaseSettings {
  std::string path = {};                     // or
  std::string glob = {};                     // "/data/tenants/*.db", or
  std::string directory = {};                // all that are named as databases in it, not below
  std::string name = {};                     // default: the file's name
  std::vector<std::string> archives = {};    // one at most; empty: DB-archive beside the database
  std::uint64_t wal_limit_bytes = 12 << 20;  // the guard's: as `protect` has them
  std::uint64_t wal_ceiling_bytes = 1 << 30;
  std::uint64_t spool_bytes = 256 << 20;
  KeepRules keep = {};                   // empty(): the archive's default rules
  std::vector<std::string> files = {};   // companions kept with each named point
  std::string journal_mode = {};         // what it should be; empty: nothing is expected
  std::string busy_hours = {};           // "08:00-18:00", local; empty: none
  std::chrono::nanoseconds recorder{0};  // how far back the flight recorder remembers; 0: it is off
  std::chrono::nanoseconds recorder_stall = std::chrono::seconds(5);  // a lock held for so long is kept
  std::string copies = {}, cold = {};  // folders of plain copies: new ones, old ones
  std::map<std::string, std::string> schedule =
      {};  // by "hourly", "daily", "weekly", "monthly"; "zone", "jitter"
  std::map<std::string, std::string> service = {};  // by "stop", "start", "restart", "status": commands
  std::string health_url = {}, health_query = {};
  std::map<std::string, std::uint64_t> min_rows = {};  // by table
  Thresholds thresholds = {};
  std::vector<UserRule> rules = {};

  bool is_one_file() const { return !path.empty(); }
};

// [serve]: the daemon itself.
struct ServeSettings {
  std::string state_folder = {};  // empty: as all commands have it
  bool json_log = false;
  std::chrono::milliseconds look_every = std::chrono::seconds(10);  // at each file's size, and at the disk
};

// [jobs]: maintenance on schedule, of all databases.
struct JobSettings {
  std::size_t at_once = 1;
  std::string zone = {};  // empty: the system's
  JobRules rules = {};
  std::map<std::string, std::string> schedule = {};  // what holds where a database has none of its own
};

// [http].
struct HttpSettings {
  std::string listen = "127.0.0.1:7070";
  std::string token_file = {};          // empty: there is no token
  std::vector<std::string> hosts = {};  // names it answers to, besides localhost and addresses
  bool operator==(const HttpSettings&) const = default;
};

inline constexpr std::uint64_t kMostConfigurationBytes = 4 << 20;

struct Configuration {
  std::filesystem::path file = {};  // empty: none was found, all is default
  std::string text = {};            // as the file had it: at most kMostConfigurationBytes
  HttpSettings http = {};
  std::vector<AlertSettings> alerts = {};  // their names are unique
  ServeSettings serve = {};
  JobSettings jobs = {};
  std::vector<DatabaseSettings> databases = {};

  // Of the file `database`: that whose path means it, else whose glob matches or whose directory holds it;
  // null where none does.
  const DatabaseSettings* of(const std::filesystem::path& database) const;
  // The archive named for it; one of many files has a folder of its own below that. Where none is
  // named: the folder beside the database.
  std::string archive_of(const std::filesystem::path& database) const;
};

// "/data/tenants/" of "/data/tenants/*/app.db": what is the same in all that a glob means. A file's name in
// reports and its archive are called by the rest: "a/app.db".
std::string fixed_part(const std::string& glob);

// *.db, *.sqlite, *.sqlite3, *.db3: what a directory's databases are called. Nothing is opened to find out
// (FACTS 7).
bool is_named_as_database(const std::filesystem::path& file);

// The jobs of one database, in that zone. Throws Error{kConfig} for a schedule or a zone that is none.
std::vector<Job> jobs_of(const JobSettings& jobs, const DatabaseSettings& database);

// `named`, else ./litewright.toml, else /etc/litewright/litewright.toml, else all defaults. Throws
// Error{kConfig} with file and line: not there (where named), not TOML, an unknown key, a value of another
// kind.
Configuration find_configuration(const std::optional<std::string>& named);

// `text` as the file `file` would hold it.
Configuration parse_configuration(std::string_view text, const std::filesystem::path& file);

// The keys there are: what parsing, `init` and docs/configuration.md go by.
enum class ConfigKind { kText, kTexts, kNumber };
struct ConfigKey {
  std::string_view section;  // "http", "serve", "jobs", "database", "database.schedule", "database.rules"
  std::string_view name;
  ConfigKind kind;
  std::string_view fallback;  // what holds without it, as it would be written
  std::string_view what;
};
std::span<const ConfigKey> config_keys();

}  // namespace litewright
