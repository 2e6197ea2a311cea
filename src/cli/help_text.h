// Command descriptions as text: for the terminal, as Markdown (docs/commands.md), as a man page.
#pragma once

#include <string>

#include "cli/parse.h"

namespace litewright {

// All commands, a line each.
std::string overview_text(const CommandTable& table);
// One command in full.
std::string command_text(const Command& command);
// docs/commands.md, whole.
std::string commands_markdown(const CommandTable& table);
// litewright(1) in roff's man macros.
std::string commands_man_page(const CommandTable& table);

// "--at TIME", "-o, --output FILE".
std::string option_title(const Option& option);

}  // namespace litewright
