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
//
// A COMMIT in a rollback journal mode waits for the readers, and keeps new ones out meanwhile (FACTS 1): so
// it waits for a tenth of a second and then gives way.
class WriteTurn {
 public:
  WriteTurn(Connection& connection, const Clock& clock, const WritePatience& patience);
  // Throws Error{kLocked} with who where readers stood in the way: it is rolled back.
  void commit();
  // False: rolled back, for the same reason.
  bool try_commit();

 private:
  Connection& connection_;
  const Clock& clock_;
  const WritePatience& patience_;
  std::optional<Transaction> transaction_;
};

// Does `work` in a write turn, and anew where readers were in the way of its COMMIT, until longest_wait is
// over; between two attempts they have their time. Throws as WriteTurn and `work` do.
void in_write_turn(Connection& connection, const Clock& clock, const WritePatience& patience,
                   const std::function<void()>& work);

// The same for a statement that is no part of a transaction: VACUUM.
void run_in_turn(Connection& connection, const Clock& clock, const WritePatience& patience, const char* sql);

}  // namespace litewright
