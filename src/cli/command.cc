#include "cli/command.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace litewright {

namespace {

std::string usage_of(const Positional& positional) {
  if (positional.count == Positional::Count::kOptional) return fmt::format("[{}]", positional.name);
  if (positional.count == Positional::Count::kAnyNumber) return fmt::format("[{}…]", positional.name);
  return positional.name;
}

std::string usage_of(const Option& option) {
  const std::string name =
      option.letter ? fmt::format("-{}", option.letter) : fmt::format("--{}", option.name);
  const std::string value = option.value.empty() ? "" : fmt::format(" {}", option.value);
  return fmt::format("[{}{}]{}", name, value, option.repeatable ? "…" : "");
}

}  // namespace

const std::vector<std::string>& Invocation::all(const std::string& name) const {
  static const std::vector<std::string> kNone;
  const std::vector<Option> options = all_options(command);
  if (std::ranges::find(options, name, &Option::name) == options.end() &&
      std::ranges::find(command.positionals, name, &Positional::name) == command.positionals.end()) {
    throw Error(ErrorCode::kInternal, fmt::format("the command {} describes no '{}'", command.name, name));
  }
  const auto found = values.find(name);
  return found == values.end() ? kNone : found->second;
}

std::optional<std::string> Invocation::value(const std::string& name) const {
  const std::vector<std::string>& given = all(name);
  if (given.empty()) return std::nullopt;
  return given.back();
}

const std::vector<Option>& standard_options() {
  static const std::vector<Option> kOptions = {
      {.name = "json", .help = "print one JSON object for programs (docs/json.md)"},
      {.name = "quiet", .letter = 'q', .help = "print only what was asked for and what is wrong"},
      {.name = "help", .letter = 'h', .help = "print this help"},
  };
  return kOptions;
}

const std::vector<ExitStatus>& standard_exit_statuses() {
  static const std::vector<ExitStatus> kStatuses = {
      {0, "fine"},
      {1, "warnings"},
      {2, "critical findings"},
      {64, "the command line is wrong"},
      {65, "damaged data"},
      {66, "no such database, file or restore point"},
      {69, "the archive's store can't be reached"},
      {70, "a fault in litewright itself"},
      {73, "the result can't be created"},
      {74, "I/O error or disk full"},
      {75, "locked, try again"},
      {77, "no permission"},
      {78, "bad configuration"},
  };
  return kStatuses;
}

Command with_database(Command command) {
  command.positionals.insert(command.positionals.begin(),
                             {.name = "DB",
                              .help = "the database: a path or a URL as applications write it; without it "
                                      "$DATABASE_URL, then $DATABASE_PATH",
                              .count = Positional::Count::kOptional});
  command.options.push_back(
      {.name = "archive", .value = "URL", .help = "the archive; without it DB-archive/ beside the database"});
  return command;
}

std::vector<Option> all_options(const Command& command) {
  std::vector<Option> options = command.options;
  options.insert(options.end(), standard_options().begin(), standard_options().end());
  return options;
}

std::string usage_line(const Command& command) {
  std::string line = fmt::format("litewright {}", command.name);
  for (const Positional& positional : command.positionals) line += fmt::format(" {}", usage_of(positional));
  for (const Option& option : command.options) line += fmt::format(" {}", usage_of(option));
  return line;
}

}  // namespace litewright
