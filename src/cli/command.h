// Commands described as data. From the same description come parsing, help, man page, completions and
// docs/commands.md, so that none of them can say something else.
//
// To add a command: copy version.cc, declare its function in commands.h, add it to the table in commands.cc.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/output.h"
#include "sqlite/database_url.h"

namespace litewright {

// Every field has a default, so that designated initializers may leave out what does not apply.
struct Option {
  std::string name = {};                  // long, without dashes: "at"
  char letter = 0;                        // short form, 0 for none
  std::string value = {};                 // what the help calls its value ("TIME"); empty: a flag
  std::string help = {};                  // one line, small initial, no full stop
  std::vector<std::string> choices = {};  // the only values allowed; empty: any
  bool repeatable = false;                // may be given several times
};

struct Positional {
  enum class Count { kRequired, kOptional, kAnyNumber };
  std::string name = {};  // "DB"
  std::string help = {};
  Count count = Count::kRequired;
  std::vector<std::string> choices = {};
};

// A command line that can be typed, beginning with "litewright"; a test parses each of them.
struct Example {
  std::string line = {};
  std::string purpose = {};
};

struct ExitStatus {
  int status = 0;
  std::string meaning = {};
};

// What a command works with besides its arguments. Borrowed; main owns them.
struct Session {
  Output& output;
  const Clock& clock;
  const Environment& environment;
};

struct Invocation;

struct Command {
  std::string name = {};
  std::string summary = {};      // one line, small initial, no full stop
  std::string description = {};  // paragraphs, parted by an empty line
  std::vector<Positional> positionals = {};
  std::vector<Option> options = {};  // besides those that every command has
  std::vector<Example> examples = {};
  std::vector<ExitStatus> exit_statuses = {};  // besides the general ones
  // Returns the exit status; throws Error.
  std::function<int(const Invocation&)> run = {};
};

// A command line, parsed. A wrong name is a fault in the command's file: the accessors throw
// Error{kInternal} for names that its description does not have.
struct Invocation {
  const Command& command;
  Session& session;
  std::map<std::string, std::vector<std::string>> values = {};  // by option name or positional's name

  bool flag(const std::string& name) const { return !all(name).empty(); }
  std::optional<std::string> value(const std::string& name) const;
  const std::vector<std::string>& all(const std::string& name) const;

  // Of commands made by with_database(): the DB named, else the environment's.
  DatabaseLocation database() const { return locate_database(value("DB"), session.environment); }
};

// --json, --quiet, --help: what every command has.
const std::vector<Option>& standard_options();
// 0, 64 and the other statuses that any command may end with.
const std::vector<ExitStatus>& standard_exit_statuses();

// The command with an optional positional DB in front and the option --archive.
Command with_database(Command command);

// The command's own options, then the standard ones.
std::vector<Option> all_options(const Command& command);

// "litewright restore [DB] [--at TIME] …", without the standard options.
std::string usage_line(const Command& command);

}  // namespace litewright
