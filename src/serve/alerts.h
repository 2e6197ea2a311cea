// Tells people what the board finds: looks at it every second, asks the AlertBook what is new, and delivers
// that on threads of its own. Each delivery is tried a few times, more slowly each time, and then given up;
// the log says so the first time and the last. A receiver that takes nothing is itself a finding of the
// daemon, so that the others hear of it.
//
// To one receiver one at a time, in their order: one that was told of an end last is not told of the
// beginning after it. One that hangs or fails so has one of the threads at most.
//
// What was told and what is still on its way is kept in the state folder (alerts.json): a restart tells
// nothing twice, and what did not arrive before it after it. What is on its way stands there before it is
// sent and until it arrived; killed between its arrival and that note, one message a receiver comes twice.
// Where the file can't be written it is told all the same: a full disk is what people want to hear of.
#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
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
  StatusBoard& board;
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
  ~Alerts();  // what is under way is waited for (half a minute at most), the rest is delivered after a
              // restart
  Alerts(const Alerts&) = delete;
  Alerts& operator=(const Alerts&) = delete;

  // Others from now on; what an alert of the same name told counts as told. Throws as require_alert(), and
  // then changes nothing. By one thread at a time.
  void use(std::vector<AlertSettings> alerts);

 private:
  struct Pending {
    AlertDelivery delivery;
    std::string alert = {};  // its name
    std::size_t level = 0;   // with it and the way the receiver is found again; an address may be a secret
    std::size_t tries = 0;
    SteadyTime due{};
    bool hurried = false;    // before it is due, for there is more to tell
    bool noted = false;      // in the file, as far as that can be written: it may be sent
    bool under_way = false;  // a thread sends it
  };
  using Outbox = std::list<Pending>;  // of one receiver in their order
  void begin();
  void restore(const nlohmann::ordered_json& kept);
  void watch();
  void take_next();
  void look();
  void keep();
  std::string to_keep();
  void add(const AlertMessage& message, WallTime now);
  void add(Pending pending);
  void bound();
  void tell_state(const Pending& pending, const std::string& failure);
  void deliver_all();
  Outbox::iterator next_due();
  void failed(Outbox::iterator pending, const std::string& why);
  void give_up(Outbox::iterator pending, const std::string& why);

  std::vector<AlertSettings> alerts_;  // the watching thread's, as the book; replaced under mutex_
  AlertSurroundings around_;
  AlertBook book_;
  std::string file_;
  std::mutex keeping_;         // of the file; before mutex_
  std::string not_kept_ = {};  // why it is not; said. Under keeping_

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::optional<std::vector<AlertSettings>> next_ = {};
  std::string told_ = {};  // the book's, as it is to be kept
  bool kept_ = false;      // the file has it, and what is pending
  Outbox pending_;
  std::vector<std::thread> threads_;
};

}  // namespace litewright
