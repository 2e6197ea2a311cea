#include <array>

#include "config/configuration.h"

namespace litewright {

std::span<const ConfigKey> config_keys() {
  using enum ConfigKind;
  static constexpr std::array<ConfigKey, 55> kKeys = {{
      {"http", "listen", kText, "\"127.0.0.1:7070\"", "where serve answers"},
      {"serve", "state_folder", kText, "\"\"", "where serve keeps its state; as $LITEWRIGHT_STATE"},
      {"serve", "log_format", kText, "\"text\"", "or \"json\": one object a line"},
      {"serve", "look_every", kText, "\"10s\"", "how often each file's size and its disk are looked at"},
      {"jobs", "at_once", kNumber, "1", "so many runs at a time, of different databases"},
      {"jobs", "zone", kText, "the system's", "\"Europe/Berlin\": whose clock the schedules go by"},
      {"jobs", "jitter", kText, "\"0s\"",
       "runs begin so much later at most, each database's by its own part"},
      {"jobs", "catch_up", kText, "\"latest\"", "after downtime; or \"never\""},
      {"jobs", "longest_lateness", kText, "\"7d\"", "what is further back is not caught up with"},
      {"jobs", "time_limit", kText, "\"6h\"", "a run that takes longer is ended"},
      {"jobs", "retries", kNumber, "2", "of a run that failed, after 1, 2, 4 … minutes"},
      {"jobs", "hourly", kText, "\"\"", "schedule of the hourly maintenance, of databases without one"},
      {"jobs", "daily", kText, "\"\"", "of the daily one"},
      {"jobs", "weekly", kText, "\"\"", "of the weekly one"},
      {"jobs", "monthly", kText, "\"\"", "of the monthly one"},
      {"database", "path", kText, "", "the file, or a URL as applications write it; or"},
      {"database", "glob", kText, "", "many files: \"/data/tenants/*.db\"; or"},
      {"database", "directory", kText, "", "all *.db, *.sqlite, *.sqlite3, *.db3 in it"},
      {"database", "name", kText, "the file's name", "how it is called in reports"},
      {"database", "archive", kTexts, "PATH-archive", "a folder or URL, or a list of them"},
      {"database", "wal_limit", kText, "\"12MiB\"", "the WAL is reset when it is larger"},
      {"database", "wal_ceiling", kText, "\"1GiB\"",
       "beyond it a WAL is let go that the archive does not keep up with"},
      {"database", "spool", kText, "\"256MiB\"", "kept on this machine while the archive takes nothing"},
      {"database", "files", kTexts, "[]", "companions (keys, OAuth state) kept with each named point"},
      {"database", "journal_mode", kText, "\"\"", "what it should be; another one is a warning"},
      {"database", "busy_hours", kText, "\"\"", "\"08:00-18:00\", local: no VACUUM then"},
      {"database", "copies", kText, "\"\"",
       "a folder of plain copies; with cold, the monthly plan moves old ones"},
      {"database", "cold", kText, "\"\"", "the folder on cheaper storage that they go to"},
      {"database.schedule", "hourly", kText, "\"\"",
       "schedule of the hourly maintenance; \"off\": none, whatever [jobs] says"},
      {"database.schedule", "daily", kText, "\"\"", "of the daily one"},
      {"database.schedule", "weekly", kText, "\"\"", "of the weekly one"},
      {"database.schedule", "monthly", kText, "\"\"", "of the monthly one"},
      {"database.keep", "last", kText, "", "restore points that stay: the newest so many"},
      {"database.keep", "within", kText, "", "all that are no older"},
      {"database.keep", "minutely", kText, "", "one a minute: \"30\" of them, for \"7d\", or \"all\""},
      {"database.keep", "hourly", kText, "", "one an hour"},
      {"database.keep", "daily", kText, "", "one a day"},
      {"database.keep", "weekly", kText, "", "one a week"},
      {"database.keep", "monthly", kText, "", "one a month"},
      {"database.keep", "yearly", kText, "", "one a year"},
      {"database.keep", "min", kText, "", "the newest so many stay in spite of max_age and max_bytes"},
      {"database.keep", "max_age", kText, "", "none that is older stays"},
      {"database.keep", "max_bytes", kText, "", "no more than so much stays"},
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
