// What `serve` goes by: litewright.toml, read with all that must hold of it. The same at the start, for
// --check-config, on SIGHUP, and for the process that takes the place of one that was killed.
#pragma once

#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/shared_text_linux.h"
#include "config/configuration.h"

namespace litewright {

struct ServePlan {
  std::string file = {};  // as it was named, or found
  std::shared_ptr<const Configuration> configuration = {};
  bool json_log = false;
  std::string refused = {};  // why another configuration is in force than the file has now
};

// Throws Error{kConfig} where the file can't be followed: it can't be read, names no database, nobody could
// be answered, an alert could never arrive.
Configuration load_configuration(const std::string& file);

// As the command line asks for it. Throws as load_configuration(), where there is no file, and where the
// environment's state folder can't be used.
ServePlan read_plan(const Invocation& invocation);

// For the process after one that was killed: the file as it is now; where that is refused, the one that was
// last in force (its text), else that of the start. Another http.listen takes a new daemon.
ServePlan plan_of_successor(const ServePlan& start, const SharedText& last_in_force);

// --check-config: says whom it means now.
int check_configuration(const Invocation& invocation, const ServePlan& plan);

}  // namespace litewright
