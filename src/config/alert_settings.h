// [[alert]] of litewright.toml: whom findings are told to, and when.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/finding.h"

namespace litewright {

// Where a message goes: any of the three, or several.
struct AlertChannel {
  std::string command = {};  // for sh -c; the message as JSON on its standard input
  std::string webhook = {};  // http:// or https://; the same, by POST. May hold a secret: never shown
  std::string syslog = {};   // a facility: "daemon", "user", "local0" to "local7"
  std::vector<std::string> contacts = {};  // who is meant: named in the message
  bool operator==(const AlertChannel&) const = default;
};

// Who is told, too, while a critical finding stays open.
struct AlertEscalation {
  std::chrono::nanoseconds after{0};  // since it became critical
  AlertChannel channel = {};
  bool operator==(const AlertEscalation&) const = default;
};

struct AlertSettings {
  std::string name = {};
  Severity severity = Severity::kWarning;   // from this one on
  std::vector<std::string> databases = {};  // patterns of names, as a shell has them; empty: all
  std::vector<std::string> findings = {};   // patterns of ids: "wal.*"; empty: all
  std::chrono::nanoseconds repeat = std::chrono::hours(4);    // while it stays open; 0: never
  std::chrono::nanoseconds settle = std::chrono::minutes(1);  // gone for so long, it is over
  std::string quiet_hours = {};  // "22:00-07:00", local: all but what is critical waits for their end
  AlertChannel channel = {};
  std::vector<AlertEscalation> escalation = {};  // each later than the one before
  bool operator==(const AlertSettings&) const = default;
};

}  // namespace litewright
