// Lets one connection run SQL of others safely: it can only read, within limits, and not for ever (FACTS 25).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "sqlite/connection.h"

namespace litewright {

struct QueryLimits {
  std::chrono::milliseconds deadline{30'000};  // from the guard's beginning on
};

// For its lifetime the connection prepares nothing but SELECT (no ATTACH, no PRAGMA that sets, no
// transaction, no load_extension), and a statement that runs past the deadline fails: expired() tells that
// from other failures. Borrows both; what the guard took away comes back with its end.
class QueryGuard {
 public:
  QueryGuard(Connection& connection, const Clock& clock, const QueryLimits& limits);
  ~QueryGuard();
  QueryGuard(const QueryGuard&) = delete;
  QueryGuard& operator=(const QueryGuard&) = delete;

  bool expired() const { return expired_; }

 private:
  Connection& connection_;
  const Clock& clock_;
  const SteadyTime end_;
  bool expired_ = false;
  int before_[8] = {};  // the limits that were lowered
};

}  // namespace litewright
