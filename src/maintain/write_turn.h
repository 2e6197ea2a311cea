// A write transaction that is waited for within bounds, and says who was in the way (FACTS 17, 23).
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "sqlite/connection.h"

namespace litewright {

struct WritePatience {
  std::chrono::milliseconds longest_wait{30'000};
  // Who holds the database, for the error: "python3 app.py (pid 4711) writes"; empty: not known.
  std::function<std::string()> who = {};
};

// The connection's statements wait for locks as long as that, from now on, yielding instead of sleeping.
void wait_patiently(Connection& connection, const Clock& clock, const WritePatience& patience);

// What to throw where that was not long enough: Error{kLocked} with who.
Error waited_in_vain(const Connection& connection, const WritePatience& patience);

// BEGIN IMMEDIATE on a connection of its own; rolled back unless it was committed. Sets the connection's busy
// handler. Throws Error{kLocked} with who, after longest_wait.
class WriteTurn {
 public:
  WriteTurn(Connection& connection, const Clock& clock, const WritePatience& patience);
  void commit() { transaction_->commit(); }

 private:
  std::optional<Transaction> transaction_;
};

}  // namespace litewright
