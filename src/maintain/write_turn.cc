#include "maintain/write_turn.h"

#include <fmt/format.h>

#include <algorithm>
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

namespace {

using namespace std::chrono_literals;

constexpr auto kReadersKeptOut = 100ms;
constexpr std::chrono::nanoseconds kLeastPause = 200ms;
constexpr std::chrono::nanoseconds kLongestPause = 5s;

bool has_wal(Connection& connection) { return connection.query_text("PRAGMA main.journal_mode") == "wal"; }

// Until `attempt` says true. Readers have twice as long as they were kept waiting, or writers.
void again_until_done(Connection& connection, const Clock& clock, const WritePatience& patience,
                      const std::function<bool()>& attempt) {
  const SteadyTime end = clock.steady() + patience.longest_wait;
  while (true) {
    const SteadyTime began = clock.steady();
    if (attempt()) return;
    const SteadyTime now = clock.steady();
    if (now >= end) throw waited_in_vain(connection, patience);
    std::this_thread::sleep_for(std::clamp((now - began) * 2, kLeastPause, kLongestPause));
  }
}

}  // namespace

WriteTurn::WriteTurn(Connection& connection, const Clock& clock, const WritePatience& patience)
    : connection_(connection), clock_(clock), patience_(patience) {
  wait_patiently(connection, clock, patience);
  try {
    transaction_.emplace(connection, Transaction::Kind::kWrite);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kLocked) throw;
    throw waited_in_vain(connection, patience);
  }
}

void WriteTurn::commit() {
  if (!try_commit()) throw waited_in_vain(connection_, patience_);
}

bool WriteTurn::try_commit() {
  wait_patiently(connection_, clock_, {.longest_wait = kReadersKeptOut});
  try {
    transaction_->commit();
    return true;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kLocked) throw;
    transaction_.reset();
    return false;
  }
}

void in_write_turn(Connection& connection, const Clock& clock, const WritePatience& patience,
                   const std::function<void()>& work) {
  again_until_done(connection, clock, patience, [&] {
    WriteTurn turn(connection, clock, patience);
    work();
    return turn.try_commit();
  });
}

void run_in_turn(Connection& connection, const Clock& clock, const WritePatience& patience, const char* sql) {
  // Beside a WAL it waits for writers alone, who are met by not sleeping (FACTS 17).
  const auto wait = has_wal(connection) ? patience.longest_wait : kReadersKeptOut;
  again_until_done(connection, clock, patience, [&] {
    wait_patiently(connection, clock, {.longest_wait = wait});
    try {
      connection.execute(sql);
      return true;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kLocked) throw;
      return false;
    }
  });
}

}  // namespace litewright
