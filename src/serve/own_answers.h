// Answers that a command of Litewright's own gives, in a child process: its --json as it is, its errors as
// problem documents. At most a few at a time, so that whoever makes answers has a thread left for others.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "serve/http_message.h"
#include "serve/own_command.h"

namespace litewright {

// How many commands may run at once. Usable from every thread.
class CommandSlots {
 public:
  explicit CommandSlots(int free) : free_(free) {}

  // One of them, given back at its end. Throws Error{kLocked} where none is free.
  class Slot {
   public:
    explicit Slot(CommandSlots& slots);
    ~Slot() { ++slots_.free_; }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;

   private:
    CommandSlots& slots_;
  };

 private:
  std::atomic<int> free_;
};

// What it printed, as application/json. Statuses below 64 are verdicts, not failures.
HttpAnswer answer_of_command(const RunOwnCommand& run, const OwnCommand& command);

// Throws the Error that it ended with; nothing where its status is below 64.
void require_success(const OwnCommand& command, const OwnCommandResult& result);

struct RestoreWish {
  std::string path = {};                // of the database
  std::string archive = {};             // empty: the default one
  std::string name = {};                // for the file that is offered
  std::vector<std::string> point = {};  // {"--tx=12"}; empty: the newest
};

// A restored copy as a file to be sent. It is made in `folder` and has no name there any more when this
// returns: its room is free again as soon as it was sent.
HttpAnswer answer_of_restore(const RunOwnCommand& run, const RestoreWish& wish, const std::string& folder);

}  // namespace litewright
