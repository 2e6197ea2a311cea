// An end to what a connection's statements may take: SQLite interrupts them when somebody says so.
#pragma once

#include <functional>

#include "sqlite/connection.h"

namespace litewright {

// Stands while the object lives; a statement that runs when `is_over` says true throws Error (SQLite's
// INTERRUPT). An empty function: no end. One at a time for a connection, which it borrows.
class ConnectionDeadline {
 public:
  ConnectionDeadline(Connection& connection, std::function<bool()> is_over);
  ~ConnectionDeadline();
  ConnectionDeadline(const ConnectionDeadline&) = delete;
  ConnectionDeadline& operator=(const ConnectionDeadline&) = delete;

 private:
  Connection& connection_;
  std::function<bool()> is_over_;
};

}  // namespace litewright
