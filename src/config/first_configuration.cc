#include "config/first_configuration.h"

#include <fmt/format.h>

#include "base/time_text.h"
#include "check/thresholds.h"
#include "config/configuration.h"

namespace litewright {
namespace {

constexpr std::uint64_t kGigabyte = 1'000'000'000;

std::string quoted(const std::string& text) {
  std::string escaped = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') escaped += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      escaped += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    else
      escaped += c;
  }
  return escaped + '"';
}

// The defaults, but for what this database is beyond already: limits that only ever cry are of no use.
std::string fitting_limits(const ThresholdRule& rule, const FoundDatabase& found) {
  if (rule.name == "size" && found.bytes > kGigabyte / 4) {
    const std::uint64_t gigabytes = found.bytes / kGigabyte + 1;
    return fmt::format("{}GB,{}GB", 2 * gigabytes, 4 * gigabytes);
  }
  if (rule.name == "free-disk" && found.disk_bytes > 0 && found.disk_bytes < 50 * kGigabyte) {
    return fmt::format("{}MB,{}MB", found.disk_bytes / 1'000'000 / 5, found.disk_bytes / 1'000'000 / 10);
  }
  return std::string(rule.defaults);
}

void add_thresholds(std::string& text, const FoundDatabase& found) {
  text += "\n[database.thresholds]  # \"WARNING,CRITICAL\"; \"off\" for none\n";
  for (const ThresholdRule& rule : threshold_rules()) {
    const std::string limits = fitting_limits(rule, found);
    const bool fitted = limits != rule.defaults;
    text += fmt::format("{}{} = \"{}\"  # {}\n", fitted ? "" : "# ", rule.name, limits, rule.what);
  }
}

}  // namespace

std::string first_configuration(const FoundDatabase& found) {
  std::string text =
      "# Litewright's configuration. What is commented out shows the default, or an example.\n"
      "# Looked for in --config, ./litewright.toml, /etc/litewright/litewright.toml.\n\n"
      "[http]\nlisten = \"127.0.0.1:7070\"\n\n[[database]]\n";
  text += fmt::format("path = {}  # {}, {} mode\n", quoted(found.path), format_size(found.bytes),
                      found.journal_mode);
  text += fmt::format("# name = {}\n", quoted(found.path.substr(found.path.rfind('/') + 1)));
  text += fmt::format("# archive = {}  # better on another disk\n", quoted(found.path + "-archive"));
  text += "# files = []  # companions (keys, OAuth state) kept with each named point\n";
  text += fmt::format("{}journal_mode = \"wal\"  # another one is a warning\n",
                      found.journal_mode == "wal" ? "" : "# ");
  // A large database is looked through at night, and shrunk at the week's end.
  text += "schedule.daily = \"0 2 * * *\"\n";
  text +=
      "# schedule.hourly = \"17 * * * *\"\n# schedule.weekly = \"0 3 * * 0\"\n# schedule.monthly = \"0 4 1 * "
      "*\"\n";
  text +=
      "# service.stop = \"systemctl stop app\"  # the application's own commands, for restore and doctor\n"
      "# service.start = \"systemctl start app\"\n# service.restart = \"systemctl restart app\"\n"
      "# service.status = \"systemctl is-active app\"\n"
      "# health.url = \"http://127.0.0.1:8000/health\"  # what must hold after a recovery\n"
      "# health.query = \"SELECT 1\"\n";
  if (!found.largest_table.empty()) {
    text += fmt::format("# health.min_rows = {{ {} = {} }}  # it has {} now\n", quoted(found.largest_table),
                        found.largest_rows / 2, found.largest_rows);
  }
  add_thresholds(text, found);
  text +=
      "\n# [[database.rules]]  # rules of your own: a query that must give no rows\n"
      "# name = \"orders-without-lines\"\n"
      "# query = \"SELECT id FROM orders WHERE id NOT IN (SELECT order_id FROM order_lines)\"\n"
      "# severity = \"warning\"\n# message = \"orders without a line\"\n";
  return text;
}

}  // namespace litewright
