// litewright version: the shortest command, and the one to copy. A command's file describes it as data and
// holds one function that reads the invocation, calls what does the work and prints the outcome twice: as
// text, and as an object that docs/json.md documents.
#include "cli/version.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"

namespace litewright {

namespace {

int run_version(const Invocation& invocation) {
  Output& output = invocation.session.output;
  output.answer(fmt::format("litewright {}", kVersion));
  output.document({{"version", kVersion}});
  return 0;
}

}  // namespace

Command version_command() {
  return {.name = "version",
          .summary = "print the program's version",
          .examples = {{"litewright version", "which version is this?"},
                       {"litewright version --json", "the same for a program"}},
          .run = run_version};
}

}  // namespace litewright
