#include "maintain/write_turn.h"

#include <fmt/format.h>

#include <thread>

#include "base/error.h"

namespace litewright {

// Short sleeps: a busy writer leaves the lock for microseconds, and a handler that sleeps long never meets
// them (FACTS 17).
WriteTurn::WriteTurn(Connection& connection, const Clock& clock, const WritePatience& patience) {
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
  try {
    transaction_.emplace(connection, Transaction::Kind::kWrite);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kLocked) throw;
    const std::string who = patience.who ? patience.who() : "";
    throw Error(ErrorCode::kLocked,
                fmt::format("{}: could not write within {} ms{}", connection.path(),
                            patience.longest_wait.count(), who.empty() ? "" : ": " + who),
                "try again when it is done, or wait longer: --wait 5m");
  }
}

}  // namespace litewright
