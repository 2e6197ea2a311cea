#include "sqlite/connection_deadline.h"

#include <sqlite3.h>

namespace litewright {
namespace {

constexpr int kStepsBetweenLooks = 10000;

}  // namespace

ConnectionDeadline::ConnectionDeadline(Connection& connection,
                                       std::optional<std::chrono::steady_clock::time_point> deadline)
    : connection_(connection), deadline_(deadline) {
  if (!deadline_) return;
  const auto look = [](void* self) {
    return std::chrono::steady_clock::now() > *static_cast<ConnectionDeadline*>(self)->deadline_ ? 1 : 0;
  };
  sqlite3_progress_handler(connection_.handle(), kStepsBetweenLooks, look, this);
}

ConnectionDeadline::~ConnectionDeadline() {
  if (deadline_) sqlite3_progress_handler(connection_.handle(), 0, nullptr, nullptr);
}

}  // namespace litewright
