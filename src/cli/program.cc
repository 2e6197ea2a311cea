#include "cli/program.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/shell_words.h"
#include "cli/help_text.h"
#include "operate/in_the_way_linux.h"

namespace litewright {

namespace {

// Nagios and its kin know 0 to 3 alone: what could not be checked is 3, UNKNOWN, and says why on the first
// line of standard output.
constexpr int kNagiosUnknown = 3;

bool speaks_nagios(std::span<const std::string> words) {
  for (std::size_t i = 0; i < words.size(); i++) {
    if (words[i] == "--format=nagios") return true;
    if (words[i] == "--format" && i + 1 < words.size() && words[i + 1] == "nagios") return true;
  }
  return false;
}

int report(const Error& error, std::span<const std::string> words, const ProgramSurroundings& surroundings) {
  fmt::print(surroundings.err, "litewright: {}\n", error.what());
  if (!error.hint().empty()) fmt::print(surroundings.err, "hint: {}\n", error.hint());
  if (speaks_nagios(words)) {
    fmt::print(surroundings.out, "LITEWRIGHT UNKNOWN - {}\n", error.what());
    return kNagiosUnknown;
  }
  if (!asks_for_json(words)) return error.exit_status();
  try {
    Output output(surroundings.out, surroundings.err, {.command = "error", .format = OutputFormat::kJson});
    output.document({{"status", error.exit_status()}, {"message", error.what()}, {"hint", error.hint()}});
  } catch (const Error&) {
    // Standard output is what failed: the message above is all that can be said.
  }
  return error.exit_status();
}

// SQLite says "database is locked" and no more: who it was is looked up, for those who are still there.
Error with_who(const Error& error, const Invocation& invocation) {
  const std::string message = error.what();
  const bool by_sqlite = message.find("database is locked") != std::string::npos;
  if (error.code() != ErrorCode::kLocked || !by_sqlite || !invocation.values.contains("DB")) return error;
  const DatabaseLocation location = invocation.database();
  if (location.kind != DatabaseKind::kSqlite) return error;
  const std::string who =
      in_the_way_text(look_who_is_in_the_way(location.path, location.display, LockWish::kWrite));
  if (who.empty()) return error;
  return {error.code(), fmt::format("{}: {}", message, who),
          "litewright locks " + shell_quoted(location.display)};
}

int run(const CommandTable& table, std::span<const std::string> words,
        const ProgramSurroundings& surroundings) {
  ParsedLine parsed = parse_command_line(table, words);
  const auto given = [&](const char* name) {
    return parsed.values.contains(name) && !parsed.values[name].empty();
  };
  const auto no_color = surroundings.environment("NO_COLOR");
  Output output(surroundings.out, surroundings.err,
                {.command = parsed.command->name,
                 .format = asks_for_json(words) ? OutputFormat::kJson : OutputFormat::kText,
                 .quiet = given("quiet"),
                 .colour = wants_colour(surroundings.out, no_color ? no_color->c_str() : nullptr)});
  if (given("help")) {
    fmt::print(surroundings.out, "{}", command_text(*parsed.command));
    output.flush();
    return 0;
  }
  Session session = {output, surroundings.clock, surroundings.environment};
  const Invocation invocation{*parsed.command, session, std::move(parsed.values)};
  try {
    const int status = parsed.command->run(invocation);
    output.flush();
    return status;
  } catch (const Error& error) {
    throw with_who(error, invocation);
  }
}

}  // namespace

int run_program(const CommandTable& table, std::span<const std::string> words,
                const ProgramSurroundings& surroundings) {
  try {
    return run(table, words, surroundings);
  } catch (const Error& error) {
    return report(error, words, surroundings);
  } catch (const std::bad_alloc&) {
    return report(Error(ErrorCode::kIo, "out of memory", "give the process more memory"), words,
                  surroundings);
  } catch (const std::exception& error) {
    return report(Error(ErrorCode::kInternal, fmt::format("unexpected: {}", error.what()),
                        "this is a fault in litewright: report it with the command line"),
                  words, surroundings);
  }
}

}  // namespace litewright
