#include "config/configuration.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <toml++/toml.h>
#include <array>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/nearest.h"
#include "sqlite/database_url.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostBytes = 4 << 20;

// Where in the file, and what of it is being read.
class Reader {
 public:
  explicit Reader(fs::path file) : file_(std::move(file)) {}

  Configuration read(const toml::table& root) const {
    Configuration configuration = {.file = file_};
    require_keys(root, "", {"http", "database"});
    if (const toml::table* http = table_of(root, "http", "")) {
      require_known(*http, "http");
      configuration.listen = text(*http, "listen", configuration.listen);
    }
    const toml::node* databases = root.get("database");
    if (databases == nullptr) return configuration;
    const toml::array* list = databases->as_array();
    if (list == nullptr) throw wrong(*databases, "database is written as [[database]], once for each");
    for (const toml::node& node : *list) {
      if (!node.is_table()) throw wrong(node, "database is written as [[database]], once for each");
      configuration.databases.push_back(database(*node.as_table()));
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

  DatabaseSettings database(const toml::table& table) const {
    require_known(table, "database", {"schedule", "service", "health", "thresholds", "rules"});
    DatabaseSettings settings = {.path = text(table, "path"),
                                 .glob = text(table, "glob"),
                                 .name = text(table, "name"),
                                 .archives = texts(table, "archive"),
                                 .files = texts(table, "files"),
                                 .journal_mode = text(table, "journal_mode"),
                                 .busy_hours = text(table, "busy_hours"),
                                 .copies = text(table, "copies"),
                                 .cold = text(table, "cold"),
                                 .schedule = all_texts(table, "schedule"),
                                 .service = all_texts(table, "service")};
    if (settings.path.empty() == settings.glob.empty())
      throw wrong(table, "a database has a path, or a glob");
    if (const toml::table* health = table_of(table, "health", "database.")) read_health(*health, settings);
    if (const toml::table* thresholds = table_of(table, "thresholds", "database.")) {
      read_thresholds(*thresholds, settings);
    }
    read_rules(table, settings);
    return settings;
  }

  void read_health(const toml::table& health, DatabaseSettings& settings) const {
    require_known(health, "database.health", {"min_rows"});
    settings.health_url = text(health, "url");
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
    const toml::node* node = table.get("rules");
    if (node == nullptr) return;
    const toml::array* list = node->as_array();
    if (list == nullptr) throw wrong(*node, "rules are written as [[database.rules]], once for each");
    constexpr std::array<Severity, 3> kSeverities = {Severity::kInfo, Severity::kWarning,
                                                     Severity::kCritical};
    for (const toml::node& item : *list) {
      if (!item.is_table()) throw wrong(item, "rules are written as [[database.rules]], once for each");
      const toml::table& rule = *item.as_table();
      require_known(rule, "database.rules");
      UserRule made = {
          .name = text(rule, "name"), .query = text(rule, "query"), .message = text(rule, "message")};
      if (made.name.empty() || made.query.empty()) throw wrong(rule, "a rule has a name and a query");
      const std::string severity = text(rule, "severity", "warning");
      const auto same = [&severity](Severity known) { return severity_name(known) == severity; };
      const auto* found = std::find_if(kSeverities.begin(), kSeverities.end(), same);
      if (found == kSeverities.end())
        throw wrong(rule, fmt::format("severity is info, warning or critical, not '{}'", severity));
      made.severity = *found;
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
  }
  return nullptr;
}

Configuration parse_configuration(std::string_view text, const fs::path& file) {
  try {
    return Reader(file).read(toml::parse(text, file.string()));
  } catch (const toml::parse_error& error) {
    throw Error(ErrorCode::kConfig,
                fmt::format("{}:{}: {}", file.string(), error.source().begin.line, error.description()),
                "it is written in TOML: toml.io");
  }
}

Configuration find_configuration(const std::optional<std::string>& named) {
  std::error_code failure;
  if (named && !fs::exists(*named, failure)) {
    throw Error(ErrorCode::kConfig, "no such configuration: " + *named, "litewright init DB   writes one");
  }
  const std::vector<std::string> places =
      named ? std::vector{*named}
            : std::vector<std::string>{"litewright.toml", "/etc/litewright/litewright.toml"};
  for (const std::string& place : places) {
    if (fs::exists(place, failure)) return parse_configuration(read_whole_file(place, kMostBytes), place);
  }
  return {};
}

}  // namespace litewright
