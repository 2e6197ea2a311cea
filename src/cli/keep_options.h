// The options that say which restore points stay: of an archive and of a folder of plain copies alike.
#pragma once

#include <vector>

#include "archive/keep_rules.h"
#include "cli/command.h"

namespace litewright {

// --keep-last, --keep-within, --keep-minutely … --keep-yearly, --keep-min, --max-age, --max-bytes.
std::vector<Option> keep_options();

// What the command line says of them; empty() where it says nothing: what then holds is the command's to
// say. Throws Error{kUsage}, also for a --keep-last of 0 and a --keep-min beside nothing that it limits.
KeepRules keep_rules_given(const Invocation& invocation);

}  // namespace litewright
