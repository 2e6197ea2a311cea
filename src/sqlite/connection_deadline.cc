#include "sqlite/connection_deadline.h"

#include <sqlite3.h>

#include <utility>

namespace litewright {
namespace {

constexpr int kStepsBetweenLooks = 1000;  // of SQLite's machine: some 20 us

}  // namespace

ConnectionDeadline::ConnectionDeadline(Connection& connection, std::function<bool()> is_over)
    : connection_(connection), is_over_(std::move(is_over)) {
  if (!is_over_) return;
  const auto look = [](void* self) { return static_cast<ConnectionDeadline*>(self)->is_over_() ? 1 : 0; };
  sqlite3_progress_handler(connection_.handle(), kStepsBetweenLooks, look, this);
}

ConnectionDeadline::~ConnectionDeadline() {
  if (is_over_) sqlite3_progress_handler(connection_.handle(), 0, nullptr, nullptr);
}

}  // namespace litewright
