// litewright help: the overview, one command in full, and the reference in the forms that are shipped.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/help_text.h"

namespace litewright {

namespace {

std::string text_for(const Invocation& invocation, const CommandTable& table) {
  const auto name = invocation.value("COMMAND");
  const bool man = invocation.flag("man");
  const bool markdown = invocation.flag("markdown");
  if ((man && markdown) || (name && (man || markdown))) {
    throw Error(ErrorCode::kUsage, "help takes one of COMMAND, --man, --markdown", "litewright help help");
  }
  if (man) return commands_man_page(table);
  if (markdown) return commands_markdown(table);
  return name ? command_text(find_command(table, *name)) : overview_text(table);
}

int run_help(const Invocation& invocation, const CommandTable& table) {
  std::string text = text_for(invocation, table);
  text.pop_back();  // answer() adds the last line feed
  invocation.session.output.answer(text);
  invocation.session.output.document({{"text", text}});
  return 0;
}

}  // namespace

Command help_command(const CommandTable& table) {
  return {.name = "help",
          .summary = "say what the commands do",
          .positionals = {{.name = "COMMAND",
                           .help = "the command to explain; without it all are listed",
                           .count = Positional::Count::kOptional}},
          .options = {{.name = "man", .help = "print the man page litewright(1)"},
                      {.name = "markdown", .help = "print the command reference (docs/commands.md)"}},
          .examples = {{"litewright help", "all commands"},
                       {"litewright help version", "one command in full"},
                       {"litewright help --man | man -l -", "read the man page"}},
          .run = [table](const Invocation& invocation) { return run_help(invocation, table); }};
}

}  // namespace litewright
