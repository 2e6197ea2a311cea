#include <array>

#include "config/configuration.h"

namespace litewright {

std::span<const ConfigKey> config_keys() {
  using enum ConfigKind;
  static constexpr std::array<ConfigKey, 26> kKeys = {{
      {"http", "listen", kText, "\"127.0.0.1:7070\"", "where serve answers"},
      {"database", "path", kText, "", "the file, or a URL as applications write it; or"},
      {"database", "glob", kText, "", "many files: \"/data/tenants/*.db\""},
      {"database", "name", kText, "the file's name", "how it is called in reports"},
      {"database", "archive", kTexts, "PATH-archive", "a folder or URL, or a list of them"},
      {"database", "files", kTexts, "[]", "companions (keys, OAuth state) kept with each named point"},
      {"database", "journal_mode", kText, "\"\"", "what it should be; another one is a warning"},
      {"database", "busy_hours", kText, "\"\"", "\"08:00-18:00\", local: no VACUUM then"},
      {"database", "copies", kText, "\"\"",
       "a folder of plain copies; with cold, the monthly plan moves old ones"},
      {"database", "cold", kText, "\"\"", "the folder on cheaper storage that they go to"},
      {"database.schedule", "hourly", kText, "\"\"", "cron expression of the hourly maintenance"},
      {"database.schedule", "daily", kText, "\"\"", "of the daily one"},
      {"database.schedule", "weekly", kText, "\"\"", "of the weekly one"},
      {"database.schedule", "monthly", kText, "\"\"", "of the monthly one"},
      {"database.service", "stop", kText, "\"\"", "command that stops the application"},
      {"database.service", "start", kText, "\"\"", "that starts it"},
      {"database.service", "restart", kText, "\"\"", "that restarts it"},
      {"database.service", "status", kText, "\"\"", "that ends with 0 while it runs"},
      {"database.health", "url", kText, "\"\"", "must answer with 200 to 399 after a recovery"},
      {"database.health", "query", kText, "\"\"", "must give a row after a recovery"},
      {"database.health.min_rows", "*", kNumber, "", "by table: it must have so many rows at least"},
      {"database.thresholds", "*", kText, "", "by threshold: \"WARNING,CRITICAL\""},
      {"database.rules", "name", kText, "", "of a rule of your own"},
      {"database.rules", "query", kText, "", "must give no rows"},
      {"database.rules", "severity", kText, "\"warning\"",
       "of the finding where it does: info, warning, critical"},
      {"database.rules", "message", kText, "the name", "what it means"},
  }};
  return kKeys;
}

}  // namespace litewright
