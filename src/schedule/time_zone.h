// A zone's clock: what local clocks show at an instant, and the instants at which they show a time. The rules
// are the system's (tzdata), through Howard Hinnant's date.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace date {
class time_zone;
}

namespace litewright {

// What a clock on the wall shows, as seconds since 1970-01-01 00:00 of that clock.
struct LocalSeconds {
  std::int64_t value = 0;
  auto operator<=>(const LocalSeconds&) const = default;
};

// The instants at which local clocks show a time, in whole seconds.
struct LocalInstants {
  enum class Kind {
    kOnce,     // `first`
    kTwice,    // clocks are set back over it: `first` and `second`
    kSkipped,  // clocks are set forward over it: `first` is the moment of the change
  };
  Kind kind = Kind::kOnce;
  WallTime first{};
  WallTime second{};
};

// Immutable and cheap to copy; usable from every thread.
class TimeZone {
 public:
  // "Europe/Berlin", "UTC", "" for the system's own (TZ where it names a zone, else /etc/localtime). Throws
  // Error{kConfig} for a name that tzdata does not have.
  static TimeZone find(std::string_view name);

  const std::string& name() const { return name_; }
  LocalSeconds local(WallTime at) const;
  LocalInstants instants(LocalSeconds local) const;

 private:
  TimeZone(const date::time_zone* zone, std::string name) : zone_(zone), name_(std::move(name)) {}
  const date::time_zone* zone_;  // of the library's list, which lives as long as the process
  std::string name_;
};

}  // namespace litewright
