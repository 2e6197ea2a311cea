// litewright completions: scripts for the shells, made from the command table.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/commands.h"

namespace litewright {

namespace {

std::vector<std::string> names_of(const CommandTable& table) {
  std::vector<std::string> names;
  for (const Command& command : table) names.push_back(command.name);
  return names;
}

// For single quotes in sh, zsh and fish alike: help texts may hold an apostrophe.
std::string in_quotes(std::string_view text) {
  std::string escaped = "'";
  for (const char c : text) escaped += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return escaped + "'";
}

std::string bash_script(const CommandTable& table) {
  std::string cases;
  for (const Command& command : table) {
    std::vector<std::string> words;
    std::string values;
    for (const Option& option : all_options(command)) {
      words.push_back(fmt::format("--{}", option.name));
      if (option.letter) words.push_back(fmt::format("-{}", option.letter));
      if (option.choices.empty()) continue;
      values += fmt::format("        --{}) words='{}' ;;\n", option.name, fmt::join(option.choices, " "));
    }
    std::vector<std::string> choices;
    if (command.name == "help") choices = names_of(table);
    for (const Positional& positional : command.positionals) {
      choices.insert(choices.end(), positional.choices.begin(), positional.choices.end());
    }
    cases += fmt::format("    {})\n      words='{}'\n      [[ $current == -* ]] && words='{}'\n",
                         command.name, fmt::join(choices, " "), fmt::join(words, " "));
    if (!values.empty()) cases += fmt::format("      case $previous in\n{}      esac\n", values);
    cases += "      ;;\n";
  }
  return fmt::format(
      "# bash completion for litewright\n"
      "_litewright() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} words=''\n"
      "  if (( COMP_CWORD == 1 )); then\n"
      "    COMPREPLY=($(compgen -W '{}' -- \"$current\"))\n"
      "    return\n"
      "  fi\n"
      "  case ${{COMP_WORDS[1]}} in\n"
      "{}"
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "}}\n"
      "complete -o default -F _litewright litewright\n",
      fmt::join(names_of(table), " "), cases);
}

// In zsh's specs a colon and brackets have meanings of their own.
std::string zsh_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == ':' || c == '[' || c == ']') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string zsh_script(const CommandTable& table) {
  std::string commands;
  std::string cases;
  for (const Command& command : table) {
    commands +=
        fmt::format("    {}\n", in_quotes(fmt::format("{}:{}", command.name, zsh_text(command.summary))));
    std::string specs;
    for (const Option& option : all_options(command)) {
      const std::string values =
          option.choices.empty() ? "_files" : fmt::format("({})", fmt::join(option.choices, " "));
      const std::string value = option.value.empty() ? "" : fmt::format(":{}:{}", option.value, values);
      specs +=
          fmt::format(" \\\n        {}", in_quotes(fmt::format("{}--{}[{}]{}", option.repeatable ? "*" : "",
                                                               option.name, zsh_text(option.help), value)));
    }
    std::string words = "_files";
    if (command.name == "help") words = fmt::format("({})", fmt::join(names_of(table), " "));
    for (const Positional& positional : command.positionals) {
      if (!positional.choices.empty()) words = fmt::format("({})", fmt::join(positional.choices, " "));
    }
    cases += fmt::format("    {})\n      _arguments{} \\\n        {} ;;\n", command.name, specs,
                         in_quotes(fmt::format("*:argument:{}", words)));
  }
  return fmt::format(
      "#compdef litewright\n"
      "_litewright() {{\n"
      "  local -a commands=(\n{}  )\n"
      "  if (( CURRENT == 2 )); then\n"
      "    _describe command commands\n"
      "    return\n"
      "  fi\n"
      "  local name=$words[2]\n"
      "  shift words\n"
      "  (( CURRENT-- ))\n"
      "  case $name in\n{}  esac\n"
      "}}\n"
      "compdef _litewright litewright\n",
      commands, cases);
}

std::string fish_script(const CommandTable& table) {
  std::string text = "# fish completion for litewright\n";
  for (const Command& command : table) {
    text += fmt::format("complete -c litewright -n __fish_use_subcommand -f -a {} -d {}\n", command.name,
                        in_quotes(command.summary));
    const std::string when = in_quotes(fmt::format("__fish_seen_subcommand_from {}", command.name));
    for (const Option& option : all_options(command)) {
      text += fmt::format("complete -c litewright -n {} -l {}", when, option.name);
      if (option.letter) text += fmt::format(" -s {}", option.letter);
      if (!option.value.empty()) text += " -r";
      if (!option.choices.empty()) text += fmt::format(" -f -a '{}'", fmt::join(option.choices, " "));
      text += fmt::format(" -d {}\n", in_quotes(option.help));
    }
    std::vector<std::string> choices;
    if (command.name == "help") choices = names_of(table);
    for (const Positional& positional : command.positionals) {
      choices.insert(choices.end(), positional.choices.begin(), positional.choices.end());
    }
    if (choices.empty()) continue;
    text += fmt::format("complete -c litewright -n {} -f -a '{}'\n", when, fmt::join(choices, " "));
  }
  return text;
}

int run_completions(const Invocation& invocation, const CommandTable& table) {
  const std::string shell = invocation.value("SHELL").value_or("");
  std::string script = shell == "bash"  ? bash_script(table)
                       : shell == "zsh" ? zsh_script(table)
                                        : fish_script(table);
  script.pop_back();  // answer() adds the last line feed
  invocation.session.output.answer(script);
  invocation.session.output.document({{"shell", shell}, {"script", script}});
  return 0;
}

}  // namespace

Command completions_command(const CommandTable& table) {
  return {
      .name = "completions",
      .summary = "print a completion script for a shell",
      .positionals = {{.name = "SHELL", .help = "the shell", .choices = {"bash", "zsh", "fish"}}},
      .examples = {{"litewright completions bash > /etc/bash_completion.d/litewright", "complete in bash"},
                   {"litewright completions fish > ~/.config/fish/completions/litewright.fish",
                    "complete in fish"}},
      .run = [table](const Invocation& invocation) { return run_completions(invocation, table); }};
}

}  // namespace litewright
