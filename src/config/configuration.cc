#include "config/configuration.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <toml++/toml.h>
#include <algorithm>
#include <array>
#include <cctype>
#include <functional>

#include "archive/keep_words.h"
#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/nearest.h"
#include "base/time_text.h"
#include "operate/maintenance_plan.h"
#include "sqlite/database_url.h"
#include "store/open_store.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLargestNumber = 1'000'000;
constexpr std::chrono::milliseconds kShortestLook{100};
constexpr std::array kPlans = {"hourly", "daily", "weekly", "monthly"};
constexpr std::array<std::string_view, 6> kJournalModes = {"wal",     "delete", "truncate",
                                                           "persist", "memory", "off"};

std::chrono::nanoseconds parse_some_time(const std::string& text) {
  const auto time = parse_duration(text);
  if (time.count() == 0) throw Error(ErrorCode::kUsage, "more than nothing", "such as 30s, 15m, 6h");
  return time;
}

std::string parse_span_of_day(const std::string& text) {
  try {
    within_hours(text, "00:00");
  } catch (const Error& error) {
    throw Error(ErrorCode::kUsage, error.what(), "\"08:00-18:00\"; it may go over midnight");
  }
  return text;
}

std::string parse_web_address(const std::string& text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (text.empty() || (text.starts_with(scheme) && text.size() > scheme.size())) return text;
  }
  throw Error(ErrorCode::kUsage, fmt::format("'{}' is no address", text), "http://127.0.0.1:8000/health");
}

std::string parse_journal_mode(const std::string& text) {
  std::string mode = text;
  std::ranges::transform(mode, mode.begin(), [](unsigned char c) { return std::tolower(c); });
  if (mode.empty() || std::ranges::find(kJournalModes, mode) != kJournalModes.end()) return mode;
  throw Error(ErrorCode::kUsage, fmt::format("SQLite has no journal mode '{}'", text),
              fmt::format("it is one of {}", fmt::join(kJournalModes, ", ")));
}

// Where in the file, and what of it is being read.
class Reader {
 public:
  explicit Reader(fs::path file) : file_(std::move(file)) {}

  Configuration read(const toml::table& root) const {
    Configuration configuration = {.file = file_};
    require_keys(root, "", {"http", "alert", "serve", "jobs", "database"});
    if (const toml::table* http = table_of(root, "http", "")) {
      require_known(*http, "http");
      configuration.http = {.listen = text(*http, "listen", configuration.http.listen),
                            .token_file = text(*http, "token_file"),
                            .hosts = texts(*http, "hosts")};
    }
    if (const toml::table* serve = table_of(root, "serve", "")) configuration.serve = read_serve(*serve);
    if (const toml::table* jobs = table_of(root, "jobs", "")) configuration.jobs = read_jobs(*jobs);
    read_alerts(root, configuration);
    const toml::node* databases = root.get("database");
    if (databases == nullptr) return configuration;
    const toml::array* list = databases->as_array();
    if (list == nullptr) throw wrong(*databases, "database is written as [[database]], once for each");
    for (const toml::node& node : *list) {
      if (!node.is_table()) throw wrong(node, "database is written as [[database]], once for each");
      configuration.databases.push_back(database(*node.as_table()));
      require_schedules(*node.as_table(), configuration);
    }
    return configuration;
  }

 private:
  Error wrong(const toml::node& node, const std::string& what,
              std::string hint = "docs/configuration.md lists the keys") const {
    return Error(ErrorCode::kConfig, fmt::format("{}:{}: {}", file_.string(), node.source().begin.line, what),
                 std::move(hint));
  }

  void require_keys(const toml::table& table, std::string_view section,
                    const std::vector<std::string>& known) const {
    for (const auto& [key, node] : table) {
      if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
      const std::string meant = nearest(key.str(), known);
      const std::string place = section.empty() ? "" : fmt::format(" in [{}]", section);
      throw Error(
          ErrorCode::kConfig,
          fmt::format("{}:{}: unknown key '{}'{}", file_.string(), key.source().begin.line, key.str(), place),
          meant.empty() ? "docs/configuration.md lists the keys" : fmt::format("did you mean {}?", meant));
    }
  }

  // The table of keys says which there are; `more`: tables of their own below it.
  void require_known(const toml::table& table, std::string_view section,
                     std::vector<std::string> more = {}) const {
    for (const ConfigKey& key : config_keys()) {
      if (key.section == section) more.emplace_back(key.name);
    }
    require_keys(table, section, more);
  }

  const toml::table* table_of(const toml::table& parent, const char* key, std::string_view section) const {
    const toml::node* node = parent.get(key);
    if (node == nullptr) return nullptr;
    if (!node->is_table()) throw wrong(*node, fmt::format("{}{} is a table", section, key));
    return node->as_table();
  }

  std::string text_of(const toml::node& node, std::string_view key) const {
    if (const auto* value = node.as_string()) return value->get();
    throw wrong(node, fmt::format("{} is a text, in quotes", key));
  }

  std::string text(const toml::table& table, const char* key, const std::string& fallback = "") const {
    const toml::node* node = table.get(key);
    return node == nullptr ? fallback : text_of(*node, key);
  }

  // What `parse` makes of the text; its complaint gets its place in the file.
  template <class Value, class Parse>
  Value parsed(const toml::table& table, const char* key, Value fallback, const Parse& parse) const {
    const toml::node* node = table.get(key);
    if (node == nullptr) return fallback;
    try {
      return static_cast<Value>(parse(text_of(*node, key)));
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kConfig) throw;
      throw wrong(*node, fmt::format("{}: {}", key, error.what()), error.hint());
    }
  }

  std::uint64_t number(const toml::table& table, const char* key, std::uint64_t fallback,
                       std::uint64_t least) const {
    const toml::node* node = table.get(key);
    if (node == nullptr) return fallback;
    const auto* value = node->as_integer();
    if (value == nullptr || value->get() < static_cast<std::int64_t>(least) || value->get() > kLargestNumber)
      throw wrong(*node, fmt::format("{} is a whole number from {} to {}", key, least, kLargestNumber));
    return static_cast<std::uint64_t>(value->get());
  }

  // One of two words.
  bool is_second(const toml::table& table, const char* key, const char* first, const char* second) const {
    const std::string word = text(table, key, first);
    if (word == first || word == second) return word == second;
    throw wrong(*table.get(key), fmt::format("{} is \"{}\" or \"{}\", not '{}'", key, first, second, word));
  }

  // The tables of [[name]]; `name` as it is written.
  std::vector<const toml::table*> tables_of(const toml::table& parent, const char* key,
                                            const std::string& name) const {
    std::vector<const toml::table*> tables;
    const toml::node* node = parent.get(key);
    if (node == nullptr) return tables;
    const auto not_so = [&](const toml::node& where) {
      return wrong(where, fmt::format("{} is written as [[{}]], once for each", key, name));
    };
    const toml::array* list = node->as_array();
    if (list == nullptr) throw not_so(*node);
    for (const toml::node& item : *list) {
      if (!item.is_table()) throw not_so(item);
      tables.push_back(item.as_table());
    }
    return tables;
  }

  Severity severity_of(const toml::table& table) const {
    const std::string name = text(table, "severity", "warning");
    for (const Severity severity : {Severity::kInfo, Severity::kWarning, Severity::kCritical}) {
      if (severity_name(severity) == name) return severity;
    }
    throw wrong(table, fmt::format("severity is info, warning or critical, not '{}'", name));
  }

  AlertChannel read_channel(const toml::table& table) const {
    AlertChannel channel = {.command = text(table, "command"),
                            .webhook = text(table, "webhook"),
                            .syslog = text(table, "syslog"),
                            .contacts = texts(table, "contacts")};
    if (channel.command.empty() && channel.webhook.empty() && channel.syslog.empty())
      throw wrong(table, "an alert goes to a command, a webhook or syslog");
    return channel;
  }

  void read_alerts(const toml::table& root, Configuration& configuration) const {
    for (const toml::table* table : tables_of(root, "alert", "alert")) {
      require_known(*table, "alert", {"escalation"});
      AlertSettings alert = {
          .name = text(*table, "name", fmt::format("alert {}", configuration.alerts.size() + 1)),
          .severity = severity_of(*table),
          .databases = texts(*table, "databases"),
          .findings = texts(*table, "findings"),
          .quiet_hours = parsed<std::string>(*table, "quiet_hours", "", parse_span_of_day),
          .channel = read_channel(*table)};
      alert.repeat = parsed(*table, "repeat", alert.repeat, parse_duration);
      alert.settle = parsed(*table, "settle", alert.settle, parse_duration);
      for (const toml::table* step : tables_of(*table, "escalation", "alert.escalation")) {
        require_known(*step, "alert.escalation");
        AlertEscalation escalation = {.channel = read_channel(*step)};
        escalation.after = parsed(*step, "after", escalation.after, parse_duration);
        if (escalation.after <=
            (alert.escalation.empty() ? std::chrono::nanoseconds(0) : alert.escalation.back().after))
          throw wrong(*step, "an escalation comes after those before it: after = \"15m\"");
        alert.escalation.push_back(std::move(escalation));
      }
      if (std::ranges::find(configuration.alerts, alert.name, &AlertSettings::name) !=
          configuration.alerts.end())
        throw wrong(*table, fmt::format("two alerts are called '{}'", alert.name));
      configuration.alerts.push_back(std::move(alert));
    }
  }

  ServeSettings read_serve(const toml::table& table) const {
    require_known(table, "serve");
    ServeSettings settings;
    settings.state_folder = text(table, "state_folder");
    settings.json_log = is_second(table, "log_format", "text", "json");
    settings.look_every = parsed(table, "look_every", settings.look_every, [](const std::string& word) {
      const auto every = std::chrono::duration_cast<std::chrono::milliseconds>(parse_duration(word));
      if (every < kShortestLook) throw Error(ErrorCode::kUsage, "at least 100ms");
      return every;
    });
    return settings;
  }

  JobSettings read_jobs(const toml::table& table) const {
    require_known(table, "jobs");
    JobSettings settings;
    JobRules& rules = settings.rules;
    settings.at_once = number(table, "at_once", settings.at_once, 1);
    settings.zone = text(table, "zone");
    rules.retries = static_cast<int>(number(table, "retries", static_cast<std::uint64_t>(rules.retries), 0));
    rules.jitter = parsed(table, "jitter", rules.jitter, parse_duration);
    rules.time_limit = parsed(table, "time_limit", rules.time_limit, parse_some_time);
    rules.longest_lateness = parsed(table, "longest_lateness", rules.longest_lateness, parse_duration);
    if (is_second(table, "catch_up", "latest", "never")) rules.catch_up = JobRules::CatchUp::kNever;
    for (const char* plan : kPlans) {
      if (table.contains(plan)) settings.schedule[plan] = text(table, plan);
    }
    require_schedule_keys(table);
    try {
      jobs_of(settings, {});
    } catch (const Error& error) {
      throw wrong(table, error.what(), error.hint());
    }
    return settings;
  }

  // Of [jobs] and [database.schedule]: each complaint at its own line.
  void require_schedule_keys(const toml::table& table) const {
    const auto require = [&](const char* key, const std::function<void(const std::string&)>& parse) {
      const toml::node* node = table.get(key);
      const std::string said = node == nullptr ? "" : text_of(*node, key);
      if (said.empty()) return;
      try {
        parse(said);
      } catch (const Error& error) {
        throw wrong(*node, fmt::format("{}: {}", key, error.what()), error.hint());
      }
    };
    require("zone", TimeZone::find);
    require("jitter", parse_duration);
    for (const char* plan : kPlans) {
      require(plan, [](const std::string& said) {
        if (said != "off") Schedule::parse(said, TimeZone::find("UTC"));
      });
    }
  }

  void require_schedules(const toml::table& table, const Configuration& configuration) const {
    const toml::node* schedule = table.get("schedule");
    if (schedule == nullptr) return;
    if (const toml::table* keys = schedule->as_table()) require_schedule_keys(*keys);
    try {
      jobs_of(configuration.jobs, configuration.databases.back());
    } catch (const Error& error) {
      throw wrong(*schedule, error.what(), error.hint());
    }
  }

  void read_guard(const toml::table& table, DatabaseSettings& settings) const {
    settings.wal_limit_bytes = parsed(table, "wal_limit", settings.wal_limit_bytes, parse_size);
    settings.wal_ceiling_bytes = parsed(table, "wal_ceiling", settings.wal_ceiling_bytes, parse_size);
    settings.spool_bytes = parsed(table, "spool", settings.spool_bytes, parse_size);
    if (settings.wal_ceiling_bytes <= settings.wal_limit_bytes) {
      throw wrong(
          table, fmt::format("wal_ceiling {} is not above wal_limit {}",
                             format_size(settings.wal_ceiling_bytes), format_size(settings.wal_limit_bytes)));
    }
    const toml::table* keep = table_of(table, "keep", "database.");
    if (keep == nullptr) return;
    require_known(*keep, "database.keep");
    const auto value = [&](const std::string& option) -> std::optional<std::string> {
      std::string key = option.starts_with("keep-") ? option.substr(5) : option;
      std::ranges::replace(key, '-', '_');
      const toml::node* node = keep->get(key);
      if (node == nullptr) return std::nullopt;
      if (const auto* whole = node->as_integer()) return std::to_string(whole->get());
      return text_of(*node, key);
    };
    try {
      settings.keep = read_keep_rules(value);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kConfig) throw;
      throw wrong(*keep, error.what(), error.hint());
    }
  }

  std::vector<std::string> texts(const toml::table& table, const char* key) const {
    const toml::node* node = table.get(key);
    if (node == nullptr) return {};
    std::vector<std::string> values;
    if (const toml::array* list = node->as_array()) {
      for (const toml::node& item : *list) values.push_back(text_of(item, key));
      return values;
    }
    return {text_of(*node, key)};
  }

  std::map<std::string, std::string> all_texts(const toml::table& parent, const char* key) const {
    std::map<std::string, std::string> values;
    const std::string section = fmt::format("database.{}", key);
    const toml::table* table = table_of(parent, key, "database.");
    if (table == nullptr) return values;
    require_known(*table, section);
    for (const auto& [name, node] : *table) values[std::string(name.str())] = text_of(node, name.str());
    return values;
  }

  // Of several, which are not kept in step yet, the others would hold nothing.
  std::vector<std::string> read_archives(const toml::table& table) const {
    std::vector<std::string> archives = texts(table, "archive");
    if (archives.size() > 1) {
      throw wrong(*table.get("archive"), "a database has one archive",
                  "a second copy of it: copy the first one's folder, as with rsync");
    }
    try {
      for (const std::string& archive : archives) require_store_driver(archive);
    } catch (const Error& error) {
      throw wrong(*table.get("archive"), fmt::format("archive: {}", error.what()), error.hint());
    }
    return archives;
  }

  DatabaseSettings database(const toml::table& table) const {
    require_known(table, "database", {"keep", "schedule", "service", "health", "thresholds", "rules"});
    DatabaseSettings settings = {
        .path = text(table, "path"),
        .glob = text(table, "glob"),
        .directory = text(table, "directory"),
        .name = text(table, "name"),
        .archives = read_archives(table),
        .files = texts(table, "files"),
        .journal_mode = parsed<std::string>(table, "journal_mode", "", parse_journal_mode),
        .busy_hours = parsed<std::string>(table, "busy_hours", "", parse_span_of_day),
        .copies = text(table, "copies"),
        .cold = text(table, "cold"),
        .schedule = all_texts(table, "schedule"),
        .service = all_texts(table, "service")};
    const int places =
        int{!settings.path.empty()} + int{!settings.glob.empty()} + int{!settings.directory.empty()};
    if (places != 1) throw wrong(table, "a database has a path, or a glob, or a directory");
    if (!settings.name.empty() && !settings.is_one_file())
      throw wrong(*table.get("name"), "name is of one database: with path",
                  "of many each is called by its file");
    read_guard(table, settings);
    settings.recorder = parsed(table, "recorder", settings.recorder, parse_duration);
    settings.recorder_stall = parsed(table, "recorder_stall", settings.recorder_stall, parse_some_time);
    if (const toml::table* health = table_of(table, "health", "database.")) read_health(*health, settings);
    if (const toml::table* thresholds = table_of(table, "thresholds", "database.")) {
      read_thresholds(*thresholds, settings);
    }
    read_rules(table, settings);
    return settings;
  }

  void read_health(const toml::table& health, DatabaseSettings& settings) const {
    require_known(health, "database.health", {"min_rows"});
    settings.health_url = parsed<std::string>(health, "url", "", parse_web_address);
    settings.health_query = text(health, "query");
    const toml::table* rows = table_of(health, "min_rows", "database.health.");
    if (rows == nullptr) return;
    for (const auto& [name, node] : *rows) {
      const auto* number = node.as_integer();
      if (number == nullptr || number->get() < 0)
        throw wrong(node, fmt::format("min_rows.{} is a whole number", name.str()));
      settings.min_rows[std::string(name.str())] = static_cast<std::uint64_t>(number->get());
    }
  }

  void read_thresholds(const toml::table& table, DatabaseSettings& settings) const {
    std::vector<std::string> known;
    for (const ThresholdRule& rule : threshold_rules()) known.emplace_back(rule.name);
    require_keys(table, "database.thresholds", known);
    for (const auto& [name, node] : table) {
      try {
        settings.thresholds.set(name.str(), text_of(node, name.str()));
      } catch (const Error& error) {
        if (error.code() == ErrorCode::kConfig) throw;
        throw wrong(node, error.what(), error.hint());
      }
    }
  }

  void read_rules(const toml::table& table, DatabaseSettings& settings) const {
    for (const toml::table* item : tables_of(table, "rules", "database.rules")) {
      const toml::table& rule = *item;
      require_known(rule, "database.rules");
      UserRule made = {
          .name = text(rule, "name"), .query = text(rule, "query"), .message = text(rule, "message")};
      if (made.name.empty() || made.query.empty()) throw wrong(rule, "a rule has a name and a query");
      made.severity = severity_of(rule);
      settings.rules.push_back(std::move(made));
    }
  }

  fs::path file_;
};

fs::path resolved(const std::string& named) {
  std::error_code failure;
  const fs::path path = parse_database_url(named).path;
  const fs::path canonical = fs::canonical(path, failure);
  return failure ? fs::absolute(path).lexically_normal() : canonical;
}

}  // namespace

const DatabaseSettings* Configuration::of(const fs::path& database) const {
  for (const DatabaseSettings& settings : databases) {
    if (!settings.path.empty() && resolved(settings.path) == database) return &settings;
  }
  for (const DatabaseSettings& settings : databases) {
    if (!settings.glob.empty() && ::fnmatch(settings.glob.c_str(), database.c_str(), FNM_PATHNAME) == 0)
      return &settings;
    if (!settings.directory.empty() && is_named_as_database(database) &&
        resolved(settings.directory) == database.parent_path())
      return &settings;
  }
  return nullptr;
}

std::string Configuration::archive_of(const fs::path& database) const {
  const DatabaseSettings* settings = of(database);
  if (settings == nullptr || settings->archives.empty()) return database.string() + "-archive";
  const std::string& named = settings->archives[0];
  if (settings->is_one_file()) return named;
  std::string own = database.string();
  const std::string fixed = fixed_part(settings->glob);
  own = !settings->glob.empty() && own.starts_with(fixed) ? own.substr(fixed.size())
                                                          : database.filename().string();
  return named + "/" + own;
}

std::string fixed_part(const std::string& glob) {
  const auto wild = glob.find_first_of("*?[\\");
  const auto slash = wild == std::string::npos ? glob.rfind('/') : glob.rfind('/', wild);
  return slash == std::string::npos ? "" : glob.substr(0, slash + 1);
}

bool is_named_as_database(const fs::path& file) {
  constexpr std::array<std::string_view, 4> kSuffixes = {".db", ".sqlite", ".sqlite3", ".db3"};
  return std::ranges::find(kSuffixes, file.extension().string()) != kSuffixes.end();
}

std::vector<Job> jobs_of(const JobSettings& jobs, const DatabaseSettings& database) {
  std::vector<Job> made;
  const auto of_database = [&database](const char* key) {
    const auto found = database.schedule.find(key);
    return found == database.schedule.end() ? std::string() : found->second;
  };
  const std::string zone_name = of_database("zone").empty() ? jobs.zone : of_database("zone");
  std::optional<TimeZone> zone;  // looked for where there is anything to do: that takes milliseconds
  if (!zone_name.empty()) zone = TimeZone::find(zone_name);
  JobRules rules = jobs.rules;
  if (const std::string jitter = of_database("jitter"); !jitter.empty())
    rules.jitter = parse_duration(jitter);
  for (const char* plan : kPlans) {
    const auto general = jobs.schedule.find(plan);
    std::string schedule = of_database(plan);
    if (schedule.empty() && general != jobs.schedule.end()) schedule = general->second;
    if (schedule.empty() || schedule == "off") continue;
    if (!zone) zone = TimeZone::find("");
    try {
      made.push_back({.name = plan, .schedule = Schedule::parse(schedule, *zone), .rules = rules});
    } catch (const Error& error) {
      throw Error(ErrorCode::kConfig, fmt::format("{}: {}", plan, error.what()), error.hint());
    }
  }
  return made;
}

Configuration parse_configuration(std::string_view text, const fs::path& file) {
  try {
    Configuration configuration = Reader(file).read(toml::parse(text, file.string()));
    configuration.text = text;
    return configuration;
  } catch (const toml::parse_error& error) {
    throw Error(ErrorCode::kConfig,
                fmt::format("{}:{}: {}", file.string(), error.source().begin.line, error.description()),
                "it is written in TOML: toml.io");
  }
}

namespace {

std::string text_of_file(const std::string& file) {
  try {
    return read_whole_file(file, kMostConfigurationBytes);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
    throw Error(ErrorCode::kConfig, error.what(), "a litewright.toml is written by hand: is it this file?");
  }
}

}  // namespace

Configuration find_configuration(const std::optional<std::string>& named) {
  std::error_code failure;
  if (named && !fs::exists(*named, failure)) {
    throw Error(ErrorCode::kConfig, "no such configuration: " + *named, "litewright init DB   writes one");
  }
  const std::vector<std::string> places =
      named ? std::vector{*named}
            : std::vector<std::string>{"litewright.toml", "/etc/litewright/litewright.toml"};
  for (const std::string& place : places) {
    if (fs::exists(place, failure)) return parse_configuration(text_of_file(place), place);
  }
  return {};
}

}  // namespace litewright
