// Which findings are to be told to whom now: a state machine without a clock, a thread or a sender. It is
// shown all findings that are open, again and again, and says what is new.
//
// The rules, for each [[alert]] and each finding (database, id, object) that it is about:
//   1. A finding is told once when it appears, and again when it is worse than when it was told.
//   2. While it stays open it is told again every `repeat`.
//   3. While it is critical and open, each escalation is told once, so long `after` it became critical; from
//      then on its channel is told whatever the others are. It becomes so anew where it was better for
//      `settle` before.
//   4. It is over when it was gone for `settle`: told to all whom it was told to. One that comes back before
//      is the same.
//   5. In quiet hours nothing is told of what is not critical; what is still so at their end is told then,
//      and what came and went in between never.
//   6. A finding that eased is told as worse only where it was better for `settle` before.
//   7. While a database is deleted nothing of it is over, or told again, but that: there is no such file.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/clock.h"
#include "base/finding.h"
#include "config/alert_settings.h"

namespace litewright {

struct OpenFinding {
  std::string database = {};  // its name, or the name that it had; empty: of the daemon itself
  Finding finding = {};
  bool deleted = false;  // it says that this database was deleted, and none of that name came after it
};

enum class AlertReason { kAppeared, kWorsened, kRepeated, kEscalated, kCleared };
// "appeared", "worsened", "repeated", "escalated", "cleared".
std::string_view alert_reason_name(AlertReason reason);

struct AlertNotice {
  AlertReason reason = AlertReason::kAppeared;
  std::string database = {};
  Finding finding = {};  // as it was last
  WallTime since{};      // when it appeared
};

// What one channel is to be told now.
struct AlertMessage {
  std::size_t alert = 0;  // which [[alert]]
  std::size_t level = 0;  // 0: its own channel; else the escalation before which so many stand
  std::vector<AlertNotice> notices = {};
};

class AlertBook {
 public:
  // `quiet` says whether a time lies in quiet hours ("22:00-07:00").
  using IsQuiet = std::function<bool(const std::string& hours, WallTime time)>;
  AlertBook(std::vector<AlertSettings> alerts, IsQuiet quiet);

  // What is to be told now, at most one message for each channel. What is returned counts as told.
  std::vector<AlertMessage> look(const std::vector<OpenFinding>& open, WallTime now);

  // What was told, to be kept where a restart does not lose it; by the alerts' names. restore() takes over
  // what there is of alerts that are still there, and ignores what it can't read.
  nlohmann::ordered_json kept() const;
  void restore(const nlohmann::ordered_json& kept);
  // As if no finding of that id had been told.
  void forget(std::string_view id);

  static constexpr std::string_view kDeleted = "database.deleted";

 private:
  using Key = std::tuple<std::string, std::string, std::string>;  // database, id, object
  struct Told {
    Finding finding = {};
    WallTime since{};
    std::optional<WallTime> last = {};  // when it was told; empty: not yet
    Severity severity = Severity::kOk;  // as which it was told
    std::optional<WallTime> better_since = {}, gone_since = {}, critical_since = {};
    std::size_t level = 0;  // the highest that was told
    bool deleted = false;   // its database; rule 7. Not kept
  };
  struct Alert {
    AlertSettings settings;
    std::map<Key, Told> told = {};
  };
  class Messages;
  void see(Alert& alert, const OpenFinding& open, WallTime now) const;
  void tell_open(Alert& alert, Told& told, const Key& key, bool quiet, WallTime now, Messages& out) const;
  void escalate(const Alert& alert, Told& told, const Key& key, WallTime now, Messages& out) const;
  bool is_over(const Alert& alert, const Told& told, bool quiet, WallTime now) const;

  std::vector<Alert> alerts_;
  IsQuiet quiet_;
};

}  // namespace litewright
