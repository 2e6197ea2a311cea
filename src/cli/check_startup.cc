#include "cli/check_startup.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file_descriptor.h"
#include "base/process_table_linux.h"
#include "base/time_text.h"
#include "cli/hard_stop.h"
#include "operate/database_kind.h"
#include "operate/reset_database.h"
#include "operate/startup_guard.h"
#include "sqlite/distrust.h"

namespace litewright {
namespace {

constexpr std::uint64_t kMostSchemaBytes = 16 << 20;
constexpr std::string_view kShape = "startup";

std::optional<std::string> schema_script(const Invocation& invocation) {
  const auto file = invocation.value("schema");
  if (!file) return std::nullopt;
  try {
    return read_whole_file(*file, kMostSchemaBytes);
  } catch (const Error& error) {
    throw Error(ErrorCode::kConfig, error.what(), "--schema names a file of SQL");
  }
}

// DB_RESET=1, and it alone: whoever starts the application asked for a fresh database.
void reset_when_asked(const Invocation& invocation, const std::string& path, const std::string& display,
                      const std::optional<std::string>& schema) {
  if (invocation.session.environment("DB_RESET") != "1") return;
  Output& output = invocation.session.output;
  const WallTime now = invocation.session.clock.wall();
  nlohmann::ordered_json event = {
      {"event", "database.bootstrap"}, {"time", format_utc_time(now)}, {"database", display}};
  try {
    const ResetReport report = reset_database(path, schema, LinuxProcessTable(), now);
    event["status"] = 0;
    event["kept"] = report.kept;
    event["tables"] = report.tables;
    output.document(event, 1, kShape);
    const std::string kept =
        report.kept.empty() ? "" : fmt::format(", the old one is kept as {}", report.kept[0]);
    output.line(fmt::format("database.bootstrap: {} is fresh ({} tables){}", display, report.tables, kept));
  } catch (const Error& error) {
    event["status"] = error.exit_status();
    event["message"] = error.what();
    output.document(event, 1, kShape);
    throw;
  }
}

const char* outcome_name(StartupCheck::Outcome outcome) {
  if (outcome == StartupCheck::Outcome::kFailed) return "failed";
  return outcome == StartupCheck::Outcome::kOk ? "ok" : "skipped";
}

nlohmann::ordered_json startup_event(const StartupReport& report, const std::string& display,
                                     const std::string& path, WallTime now) {
  nlohmann::ordered_json checks = nlohmann::ordered_json::array();
  for (const StartupCheck& check : report.checks) {
    checks.push_back(
        {{"name", check.name}, {"outcome", outcome_name(check.outcome)}, {"message", check.message}});
  }
  return {{"event", report.failure ? "startup.failed" : "startup.passed"},
          {"time", format_utc_time(now)},
          {"database", display},
          {"path", path},
          {"exists", report.exists},
          {"writable", report.writable},
          {"journal_mode", report.journal_mode},
          {"status", report.failure ? static_cast<int>(*report.failure) : 0},
          {"message", report.message},
          {"hint", report.hint},
          {"checks", checks}};
}

void print_startup(Output& output, const StartupReport& report, const std::string& display) {
  for (const StartupCheck& check : report.checks) {
    output.line(fmt::format("{:<8}{}{}{}", outcome_name(check.outcome), check.name,
                            check.message.empty() ? "" : ": ", check.message));
  }
  if (!report.failure) {
    output.answer(fmt::format("{}: may start", display));
    return;
  }
  output.answer(output.paint(Ink::kRed, "startup.failed: " + report.message));
  if (!report.hint.empty()) output.answer("hint: " + report.hint);
}

}  // namespace

int run_startup(const Invocation& invocation) {
  const DatabaseLocation location = invocation.database();
  if (location.kind != DatabaseKind::kSqlite) {
    throw Error(ErrorCode::kUsage,
                location.display + " is a PostgreSQL database; the guard is for SQLite files");
  }
  const std::string path = std::filesystem::absolute(location.path).lexically_normal().string();
  StartupRequest request = {.path = path, .schema = schema_script(invocation)};
  if (const auto budget = invocation.value("budget")) request.budget = parse_duration(*budget);
  reset_when_asked(invocation, path, location.display, request.schema);
  limit_sqlite_memory(sqlite_memory_for(path));
  const HardStop stop(location.display, work_for(path) + HardStop::kLastWord);
  const LinuxProcessTable processes;
  const StartupReport report = guard_startup(request, processes, invocation.session.clock);
  Output& output = invocation.session.output;
  print_startup(output, report, location.display);
  output.document(startup_event(report, location.display, path, invocation.session.clock.wall()), 1, kShape);
  return report.failure ? static_cast<int>(*report.failure) : 0;
}

}  // namespace litewright
