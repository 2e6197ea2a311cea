#include "maintain/write_turn.h"

#include <fmt/format.h>

#include <thread>

namespace litewright {

// Short sleeps: a busy writer leaves the lock for microseconds, and a handler that sleeps long never meets
// them (FACTS 17).
void wait_patiently(Connection& connection, const Clock& clock, const WritePatience& patience) {
  const SteadyTime end = clock.steady() + patience.longest_wait;
  connection.set_busy_handler([&clock, end](int tries) {
    if (clock.steady() >= end) return false;
    constexpr int kTriesAtOnce = 100;
    if (tries < kTriesAtOnce) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
    return true;
  });
}

Error waited_in_vain(const Connection& connection, const WritePatience& patience) {
  const std::string who = patience.who ? patience.who() : "";
  return {ErrorCode::kLocked,
          fmt::format("{}: could not write within {} ms{}", connection.path(), patience.longest_wait.count(),
                      who.empty() ? "" : ": " + who),
          "try again when it is done, or wait longer: --wait 5m"};
}

WriteTurn::WriteTurn(Connection& connection, const Clock& clock, const WritePatience& patience) {
  wait_patiently(connection, clock, patience);
  try {
    transaction_.emplace(connection, Transaction::Kind::kWrite);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kLocked) throw;
    throw waited_in_vain(connection, patience);
  }
}

}  // namespace litewright
