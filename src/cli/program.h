// The program without its process: words in, exit status out. Tests call it as main does.
#pragma once

#include <cstdio>
#include <span>
#include <string>

#include "cli/parse.h"

namespace litewright {

struct ProgramSurroundings {
  std::FILE* out;
  std::FILE* err;
  const Clock& clock;
  const Environment& environment;
};

// Parses, runs, and reports what was thrown: `litewright: MESSAGE` and `hint: …` on `err`, and with --json
// also {"schema": "litewright/error/1", …} on `out`. Throws nothing.
int run_program(const CommandTable& table, std::span<const std::string> words,
                const ProgramSurroundings& surroundings);

}  // namespace litewright
