// What the daemon says as it goes: one entry a line, as text or JSON; who prints it is wired in.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "base/finding.h"

namespace litewright {

struct LogEntry {
  std::string event = {};  // "following", "finding", "run", "reloaded"
  Severity severity = Severity::kInfo;
  std::string database = {};  // its name; empty where the daemon itself is meant
  std::string text = {};      // for people: one line
  nlohmann::ordered_json fields = nlohmann::ordered_json::object();  // for programs, besides the above
};

// Usable from every thread.
using DaemonLog = std::function<void(const LogEntry&)>;

}  // namespace litewright
