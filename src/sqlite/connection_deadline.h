// An end to what a connection's statements may take: SQLite interrupts them when the time has come.
#pragma once

#include <chrono>
#include <optional>

#include "sqlite/connection.h"

namespace litewright {

// Stands while the object lives; a statement past it throws Error (SQLite's INTERRUPT). One at a time for a
// connection, which it borrows.
class ConnectionDeadline {
 public:
  ConnectionDeadline(Connection& connection, std::optional<std::chrono::steady_clock::time_point> deadline);
  ~ConnectionDeadline();
  ConnectionDeadline(const ConnectionDeadline&) = delete;
  ConnectionDeadline& operator=(const ConnectionDeadline&) = delete;

 private:
  Connection& connection_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
};

}  // namespace litewright
