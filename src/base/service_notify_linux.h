// Tells the service manager how a service is: sd_notify(3)'s datagrams, whose protocol systemd promises to
// keep (https://www.freedesktop.org/software/systemd/man/sd_notify.html). Nothing is told where no service
// manager asked for it. Linux.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/environment.h"

namespace litewright {

class ServiceNotify {
 public:
  // $NOTIFY_SOCKET, $WATCHDOG_USEC, $WATCHDOG_PID: that of this process.
  explicit ServiceNotify(const Environment& environment);

  // Lines: "READY=1", "STATUS=guards 3 databases", "WATCHDOG=1", "STOPPING=1". What can't be sent is left.
  void tell(const std::string& lines) const;
  // RELOADING=1 with the time that it asks for.
  void tell_reloading() const;

  bool is_asked_for() const { return !socket_.empty(); }
  // WATCHDOG=1 is to be told more often than that.
  std::optional<std::chrono::milliseconds> watchdog() const { return watchdog_; }

 private:
  std::string socket_;
  std::optional<std::chrono::milliseconds> watchdog_;
};

}  // namespace litewright
