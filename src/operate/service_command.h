// A command of the application's within a plan: service.stop, service.start. A plan that was told to end does
// not leave the application between the two: what stops it is given some time and then ended, what starts it
// is waited for, and left to itself where it takes too long.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "operate/maintenance_plan.h"

namespace litewright {

struct ServiceCommand {
  std::string shell = {};                  // for sh -c
  std::function<bool()> told_to_end = {};  // asked again and again; false as long as nobody waits for us
  enum class TooLong { kEnd, kLeave } then = TooLong::kEnd;
  std::chrono::milliseconds patience = std::chrono::seconds(30);   // from when we are told to end
  std::chrono::milliseconds kill_after = std::chrono::seconds(5);  // SIGTERM; so much later SIGKILL
};

ServiceCommand stop_command(std::string shell, std::function<bool()> told_to_end);   // ended after 30 s
ServiceCommand start_command(std::string shell, std::function<bool()> told_to_end);  // left after 60 s
// So long a plan may take to end that stops and starts an application: 30 + 5 + 60 s and a little.
inline constexpr std::chrono::seconds kPlanEndsWithin{100};

// 0, or Error{kIo}'s status with what it ended with. In a process group of its own, unless somebody sits at a
// terminal: a command that asks for a password could not read there.
StepOutcome run_service_command(const ServiceCommand& command);

}  // namespace litewright
