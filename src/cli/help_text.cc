#include "cli/help_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/version.h"

namespace litewright {

namespace {

constexpr std::string_view kTagline = "the operator for SQLite databases in production";

struct Row {
  std::string title;
  std::string help;
};

std::string help_of(const Option& option) {
  std::string help = option.help;
  if (!option.choices.empty()) help += fmt::format(" ({})", fmt::join(option.choices, ", "));
  if (option.repeatable) help += "; may be given several times";
  return help;
}

std::string help_of(const Positional& positional) {
  if (positional.choices.empty()) return positional.help;
  return fmt::format("{} ({})", positional.help, fmt::join(positional.choices, ", "));
}

std::vector<Row> argument_rows(const Command& command) {
  std::vector<Row> rows;
  for (const Positional& positional : command.positionals)
    rows.push_back({positional.name, help_of(positional)});
  return rows;
}

std::vector<Row> option_rows(const Command& command) {
  std::vector<Row> rows;
  for (const Option& option : all_options(command)) rows.push_back({option_title(option), help_of(option)});
  return rows;
}

std::vector<Row> status_rows(const std::vector<ExitStatus>& statuses) {
  std::vector<Row> rows;
  for (const ExitStatus& status : statuses) rows.push_back({std::to_string(status.status), status.meaning});
  return rows;
}

// A heading and its rows, the titles in a column; nothing where there are no rows.
std::string text_section(std::string_view heading, const std::vector<Row>& rows) {
  if (rows.empty()) return "";
  std::size_t width = 0;
  for (const Row& row : rows) width = std::max(width, row.title.size());
  std::string text = fmt::format("\n{}:\n", heading);
  for (const Row& row : rows) text += fmt::format("  {:<{}}  {}\n", row.title, width, row.help);
  return text;
}

std::string markdown_section(std::string_view heading, const std::vector<Row>& rows) {
  if (rows.empty()) return "";
  std::string text = fmt::format("\n{}\n\n", heading);
  for (const Row& row : rows) text += fmt::format("- `{}`: {}\n", row.title, row.help);
  return text;
}

std::string command_markdown(const Command& command) {
  std::string text = fmt::format("\n## litewright {0}\n\n{1}\n\n```\n{2}\n```\n", command.name,
                                 command.summary, usage_line(command));
  if (!command.description.empty()) text += fmt::format("\n{}\n", command.description);
  text += markdown_section("Arguments:", argument_rows(command));
  if (!command.options.empty()) {
    std::vector<Row> rows;
    for (const Option& option : command.options) rows.push_back({option_title(option), help_of(option)});
    text += markdown_section("Options:", rows);
  }
  text += markdown_section("Exit statuses:", status_rows(command.exit_statuses));
  if (command.examples.empty()) return text;
  text += "\n```sh\n";
  for (const Example& example : command.examples)
    text += fmt::format("{}  # {}\n", example.line, example.purpose);
  return text + "```\n";
}

// roff: backslashes doubled, hyphens kept as such, no line that begins with a dot or an apostrophe.
std::string roff(std::string_view text) {
  std::string escaped;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) escaped += "\\&";
    if (c == '\\') escaped += "\\e";
    if (c == '-') escaped += "\\-";
    if (c != '\\' && c != '-') escaped += c;
    line_begins = c == '\n';
  }
  return escaped;
}

std::string roff_paragraphs(std::string_view text) {
  std::string escaped = roff(text);
  for (std::size_t at = 0; (at = escaped.find("\n\n", at)) != std::string::npos;)
    escaped.replace(at, 2, "\n.PP\n");
  return escaped;
}

std::string roff_rows(const std::vector<Row>& rows) {
  std::string text;
  for (const Row& row : rows) text += fmt::format(".TP\n.B {}\n{}\n", roff(row.title), roff(row.help));
  return text;
}

std::string command_roff(const Command& command) {
  std::string text = fmt::format(".SS {}\n{}.\n.PP\n.B {}\n", roff(command.name), roff(command.summary),
                                 roff(usage_line(command)));
  if (!command.description.empty()) text += fmt::format(".PP\n{}\n", roff_paragraphs(command.description));
  std::vector<Row> rows = argument_rows(command);
  for (const Option& option : command.options) rows.push_back({option_title(option), help_of(option)});
  for (const Row& row : status_rows(command.exit_statuses)) rows.push_back({"exit " + row.title, row.help});
  text += roff_rows(rows);
  for (const Example& example : command.examples) {
    text += fmt::format(".PP\n{}:\n.PP\n.RS\n.B {}\n.RE\n", roff(example.purpose), roff(example.line));
  }
  return text;
}

std::vector<Row> standard_rows() {
  std::vector<Row> rows;
  for (const Option& option : standard_options()) rows.push_back({option_title(option), help_of(option)});
  return rows;
}

}  // namespace

std::string option_title(const Option& option) {
  const std::string letter = option.letter ? fmt::format("-{}, ", option.letter) : "";
  const std::string value = option.value.empty() ? "" : fmt::format(" {}", option.value);
  return fmt::format("{}--{}{}", letter, option.name, value);
}

std::string overview_text(const CommandTable& table) {
  std::vector<Row> rows;
  for (const Command& command : table) rows.push_back({command.name, command.summary});
  return fmt::format("litewright, {}\n\nusage: litewright COMMAND [ARGUMENTS]\n{}{}\n{}\n", kTagline,
                     text_section("commands", rows),
                     text_section("options of every command", standard_rows()),
                     "litewright help COMMAND says more.");
}

std::string command_text(const Command& command) {
  std::string text = fmt::format("{}: {}\n\nusage: {}\n", command.name, command.summary, usage_line(command));
  if (!command.description.empty()) text += fmt::format("\n{}\n", command.description);
  text += text_section("arguments", argument_rows(command));
  text += text_section("options", option_rows(command));
  text += text_section("exit statuses", status_rows(command.exit_statuses));
  std::vector<Row> examples;
  for (const Example& example : command.examples) examples.push_back({example.line, "# " + example.purpose});
  return text + text_section("examples", examples);
}

std::string commands_markdown(const CommandTable& table) {
  std::string text =
      "# Commands\n\n<!-- Printed by `litewright help --markdown`; a test compares the two. -->\n\n"
      "`litewright COMMAND [ARGUMENTS]`. The objects behind `--json` are in [json.md](json.md). Times are "
      "written\n"
      "`2026-11-20 14:03:05` (local), ISO 8601 with a zone, `-15m`, `yesterday 18:00`; sizes `128MiB`, "
      "`1.5GB`;\n"
      "databases as a path, `sqlite:///rel.db`, `sqlite:////abs/app.db` or `file:app.db`.\n";
  text += markdown_section("Every command has", standard_rows());
  text += markdown_section("and may end with the exit statuses", status_rows(standard_exit_statuses()));
  for (const Command& command : table) text += command_markdown(command);
  return text;
}

std::string commands_man_page(const CommandTable& table) {
  std::string text = fmt::format(
      ".TH LITEWRIGHT 1 \"\" \"litewright {}\"\n.SH NAME\nlitewright \\- {}\n"
      ".SH SYNOPSIS\n.B litewright\n.I COMMAND\n[ARGUMENTS]\n.SH COMMANDS\n",
      roff(kVersion), kTagline);
  for (const Command& command : table) text += command_roff(command);
  text += fmt::format(".SH OPTIONS OF EVERY COMMAND\n{}", roff_rows(standard_rows()));
  text += fmt::format(".SH EXIT STATUS\n{}", roff_rows(status_rows(standard_exit_statuses())));
  text +=
      ".SH ENVIRONMENT\n.TP\n.B DATABASE_URL, DATABASE_PATH\nthe database where none is named\n"
      ".TP\n.B NO_COLOR\nno colour, whatever its value\n";
  return text;
}

}  // namespace litewright
