// Tells people what the board finds: looks at it every second, asks the AlertBook what is new, and delivers
// that on threads of its own. A receiver that hangs or fails delays no other: each delivery is tried a few
// times, more slowly each time, and then given up with a word in the log.
//
// What was told is kept in the state folder (alerts.json), so that a restart tells nothing twice.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "config/alert_settings.h"
#include "serve/alert_book.h"
#include "serve/alert_channels.h"
#include "serve/daemon_log.h"
#include "serve/own_command.h"
#include "serve/status_board.h"

namespace litewright {

struct AlertSurroundings {
  const StatusBoard& board;
  const Clock& clock;
  RunOwnCommand run;
  DaemonLog log;
  std::string state_folder = {};
  std::string host = {};
};

// Throws Error{kConfig} for what can never be told: require_channel() of each channel, quiet hours that are
// no span of a day.
void require_alert(const AlertSettings& alert);

class Alerts {
 public:
  // Begins at once; nothing where there is no alert. Throws as require_alert(). The surroundings outlive it.
  Alerts(std::vector<AlertSettings> alerts, AlertSurroundings surroundings);
  ~Alerts();  // what is under way is waited for (half a minute at most), the rest is not delivered
  Alerts(const Alerts&) = delete;
  Alerts& operator=(const Alerts&) = delete;

  struct Counts {
    std::uint64_t delivered = 0, failed = 0;  // failed: given up
  };
  Counts counts() const;

 private:
  struct Pending {
    AlertDelivery delivery;
    std::size_t tries = 0;
    SteadyTime due{};
  };
  void watch();
  void look();
  void deliver_all();
  void give_up(const Pending& pending, const std::string& why);

  std::vector<AlertSettings> alerts_;
  AlertSurroundings around_;
  AlertBook book_;
  std::string file_;
  std::string kept_ = {};  // as it stands in the file

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::deque<Pending> pending_;
  Counts counts_;
  std::vector<std::thread> threads_;
};

}  // namespace litewright
