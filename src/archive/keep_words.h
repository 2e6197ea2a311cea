// Keep rules as people write them: on the command line and in litewright.toml, the same words.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "archive/keep_rules.h"

namespace litewright {

// `value` gives what an option says, by its name: "keep-last", "keep-within", "keep-minutely" …
// "keep-yearly", "keep-min", "max-age", "max-bytes". empty() where nothing is said. Throws Error{kUsage} that
// names the option, also for a keep-last of 0 and a keep-min beside nothing that it limits.
KeepRules read_keep_rules(const std::function<std::optional<std::string>(const std::string& option)>& value);

}  // namespace litewright
