#include "cli/look_output.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/time_text.h"

namespace litewright {
namespace {

std::string hex(const std::string& bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

}  // namespace

DatabaseLocation sqlite_location(const Invocation& invocation) {
  DatabaseLocation location = invocation.database();
  if (location.kind != DatabaseKind::kSqlite) {
    throw Error(ErrorCode::kUsage,
                location.display + " is a PostgreSQL database; this looks into SQLite files",
                "psql looks into it");
  }
  require_database_file(location);
  return location;
}

std::chrono::nanoseconds look_timeout(const Invocation& invocation) {
  return parse_duration(invocation.value("timeout").value_or("1m"));
}

Command look_command(Command command) {
  command.options.push_back({.name = "timeout",
                             .value = "TIME",
                             .help = "how long it may take (default 1m); then it ends with 75"});
  Command made = with_database(std::move(command));
  std::erase_if(made.options, [](const Option& option) { return option.name == "archive"; });
  return made;
}

std::string value_text(const QueryValue& value, const char* null) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *whole);
  if (const auto* real = std::get_if<double>(&value)) return fmt::format("{}", *real);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* blob = std::get_if<BlobBytes>(&value)) return fmt::format("x'{}'", hex(blob->bytes));
  return null;
}

nlohmann::ordered_json value_json(const QueryValue& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return *whole;
  if (const auto* real = std::get_if<double>(&value)) {
    return std::isfinite(*real) ? nlohmann::ordered_json(*real)
                                : nlohmann::ordered_json(fmt::format("{}", *real));
  }
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* blob = std::get_if<BlobBytes>(&value)) return {{"blob", hex(blob->bytes)}};
  return nullptr;
}

}  // namespace litewright
