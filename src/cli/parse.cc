#include "cli/parse.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/error.h"

namespace litewright {

namespace {

std::string help_hint(const Command& command) { return fmt::format("litewright help {}", command.name); }

Error usage_error(const Command& command, const std::string& message) {
  return Error(ErrorCode::kUsage, message, help_hint(command));
}

// CLI11 says "--at: 1 required TIME missing" and the like: kept, but in our spelling.
std::string in_our_words(std::string message) {
  std::ranges::replace(message, '\n', ' ');
  if (!message.empty() && message[0] >= 'A' && message[0] <= 'Z')
    message[0] = static_cast<char>(message[0] + 32);
  return message;
}

void add_option(CLI::App& app, const Option& option, std::vector<std::string>& values) {
  std::string names = fmt::format("--{}", option.name);
  if (option.letter != 0) names = fmt::format("-{},{}", option.letter, names);
  if (option.value.empty()) {
    app.add_flag_callback(names, [&values] { values = {"true"}; });
    return;
  }
  app.add_option(names, values)->allow_extra_args(false)->type_name(option.value);
}

// What CLI11 could not place: an option that is not there, or a word too many.
Error unexpected(const Command& command, const std::string& word) {
  if (!word.starts_with('-')) return usage_error(command, fmt::format("unexpected '{}'", word));
  std::vector<std::string> names;
  for (const Option& option : all_options(command)) names.push_back(fmt::format("--{}", option.name));
  const std::string bare = word.substr(0, word.find('='));
  const std::string meant = nearest(bare, names);
  const std::string message = fmt::format("{} has no option {}", command.name, bare);
  return meant.empty() ? usage_error(command, message)
                       : Error(ErrorCode::kUsage, message, fmt::format("did you mean {}?", meant));
}

void check_choices(const Command& command, const std::string& name, const std::vector<std::string>& choices,
                   const std::vector<std::string>& values) {
  if (choices.empty()) return;
  for (const std::string& value : values) {
    if (std::ranges::find(choices, value) != choices.end()) continue;
    throw usage_error(command, fmt::format("{} is none of {}: '{}'", name, fmt::join(choices, ", "), value));
  }
}

// Words before the command that belong to it, and the command's place.
std::size_t command_place(std::span<const std::string> words) {
  const auto is_standard = [](const std::string& word) {
    return std::ranges::any_of(standard_options(), [&](const Option& option) {
      return word == fmt::format("--{}", option.name) ||
             (option.letter && word == fmt::format("-{}", option.letter));
    });
  };
  std::size_t place = 0;
  while (place < words.size() && is_standard(words[place])) ++place;
  return place;
}

// Words to positionals, in order; one that takes any number takes the rest.
void share_out(const Command& command, std::vector<std::string> places,
               std::map<std::string, std::vector<std::string>>& values) {
  std::size_t next = 0;
  for (const Positional& positional : command.positionals) {
    const std::size_t left = places.size() - next;
    const std::size_t taken =
        positional.count == Positional::Count::kAnyNumber ? left : std::min<std::size_t>(left, 1);
    for (std::size_t i = 0; i < taken; ++i) values[positional.name].push_back(std::move(places[next + i]));
    next += taken;
  }
  if (next < places.size()) throw unexpected(command, places[next]);
}

std::map<std::string, std::vector<std::string>> parse_words(const Command& command,
                                                            std::vector<std::string> words) {
  std::map<std::string, std::vector<std::string>> values;
  CLI::App app(command.summary);
  app.set_help_flag();
  app.allow_extras();
  const std::vector<Option> options = all_options(command);
  for (const Option& option : options) add_option(app, option, values[option.name]);
  // All in one list: CLI11 gives a word that is too many to whichever positional it likes.
  std::vector<std::string> places;
  if (!command.positionals.empty()) app.add_option("words", places);
  std::ranges::reverse(words);  // CLI11 takes them from the back
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    throw usage_error(command, in_our_words(error.what()));
  }
  for (const std::string& word : app.remaining()) {
    if (word != "--") throw unexpected(command, word);
  }
  for (const Option& option : command.options) {
    const std::size_t times = values[option.name].size();
    if (times <= 1 || option.repeatable || option.value.empty()) continue;
    throw usage_error(command, fmt::format("--{} was given {} times", option.name, times));
  }
  share_out(command, std::move(places), values);
  std::erase_if(values, [](const auto& entry) { return entry.second.empty(); });
  return values;
}

}  // namespace

const Command& find_command(const CommandTable& table, std::string_view name) {
  const auto found = std::ranges::find(table, name, &Command::name);
  if (found != table.end()) return *found;
  std::vector<std::string> names;
  for (const Command& command : table) names.push_back(command.name);
  const std::string meant = nearest(name, names);
  throw Error(ErrorCode::kUsage, fmt::format("no such command: {}", name),
              meant.empty() ? "litewright help" : fmt::format("did you mean litewright {}?", meant));
}

ParsedLine parse_command_line(const CommandTable& table, std::span<const std::string> words) {
  const std::size_t place = command_place(words);
  std::vector<std::string> rest(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(place));
  std::string name = "help";
  if (place < words.size()) {
    name = words[place] == "--version" ? "version" : words[place];
    rest.insert(rest.end(), words.begin() + static_cast<std::ptrdiff_t>(place) + 1, words.end());
  } else {
    // `litewright --help` is the overview, not the help of `help`.
    std::erase_if(rest, [](const std::string& word) { return word == "--help" || word == "-h"; });
  }
  if (name.starts_with('-')) {
    throw Error(ErrorCode::kUsage, fmt::format("no such option: {}", name), "litewright help");
  }
  ParsedLine parsed = {.command = &find_command(table, name)};
  parsed.values = parse_words(*parsed.command, std::move(rest));
  for (const Option& option : parsed.command->options) {
    check_choices(*parsed.command, "--" + option.name, option.choices, parsed.values[option.name]);
  }
  const bool wants_help = parsed.values.contains("help");
  for (const Positional& positional : parsed.command->positionals) {
    const std::vector<std::string>& given = parsed.values[positional.name];
    check_choices(*parsed.command, positional.name, positional.choices, given);
    if (given.empty() && positional.count == Positional::Count::kRequired && !wants_help) {
      throw usage_error(*parsed.command, fmt::format("{} needs {}", name, positional.name));
    }
  }
  return parsed;
}

bool asks_for_json(std::span<const std::string> words) {
  for (std::size_t i = 0; i < words.size(); i++) {
    if (words[i] == "--") return false;
    if (words[i] == "--json" || words[i] == "--format=json") return true;
    if (words[i] == "--format" && i + 1 < words.size() && words[i + 1] == "json") return true;
  }
  return false;
}

}  // namespace litewright
