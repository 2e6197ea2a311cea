#include "serve/open_gates.h"

#include <algorithm>

namespace litewright {
namespace {

// Longer than the watchdog waits. Nobody else would end this process then.
constexpr std::chrono::milliseconds kLongestGateOfAnOrphan{3000};

}  // namespace

void OpenGates::tell(bool oldest_changed) {
  if (!oldest_changed) return;
  if (entered_.empty()) {
    last_resort_.disarm();
    watchdog_.none();
    return;
  }
  const auto been =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.steady() - *entered_.begin());
  last_resort_.arm(std::max(kLongestGateOfAnOrphan - been, std::chrono::milliseconds(1)));
  watchdog_.oldest(*entered_.begin());
}

void OpenGates::Gate::enter_or_leave(bool inside) {
  if (inside == inside_) return;
  const std::lock_guard lock(gates_.mutex_);
  inside_ = inside;
  if (inside) {
    entered_ = gates_.entered_.insert(gates_.clock_.steady());
    gates_.tell(entered_ == gates_.entered_.begin());
    return;
  }
  const bool oldest = entered_ == gates_.entered_.begin();
  gates_.entered_.erase(entered_);
  gates_.tell(oldest);
}

void OpenGates::Gate::open_or_close_database(bool open) {
  if (open == database_open_) return;
  const std::lock_guard lock(gates_.mutex_);
  database_open_ = open;
  open ? ++gates_.databases_ : --gates_.databases_;
  gates_.watchdog_.databases(gates_.databases_ > 0);
}

OpenGates::Gate::~Gate() {
  enter_or_leave(false);
  open_or_close_database(false);
}

}  // namespace litewright
