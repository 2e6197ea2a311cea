#include "schedule/time_zone.h"

#include <date/tz.h>
#include <fmt/format.h>
#include <stdlib.h>

#include "base/error.h"

namespace litewright {

namespace {

const date::time_zone* system_zone() {
  const char* named = ::getenv("TZ");
  if (named != nullptr && *named == ':') ++named;
  if (named != nullptr && *named != 0) return date::locate_zone(named);
  return date::current_zone();
}

WallTime wall(date::sys_seconds at) { return WallTime(at.time_since_epoch()); }

}  // namespace

TimeZone TimeZone::find(std::string_view name) {
  try {
    const date::time_zone* zone = name.empty() ? system_zone() : date::locate_zone(std::string(name));
    return {zone, zone->name()};
  } catch (const std::runtime_error&) {
    throw Error(
        ErrorCode::kConfig, fmt::format("no such time zone: {}", name.empty() ? "the system's" : name),
        "names are those of tzdata, such as Europe/Berlin or UTC; `timedatectl list-timezones` lists them");
  }
}

LocalSeconds TimeZone::local(WallTime at) const {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(at);
  return {zone_->to_local(seconds).time_since_epoch().count()};
}

LocalInstants TimeZone::instants(LocalSeconds local) const {
  const date::local_seconds shown{std::chrono::seconds(local.value)};
  const date::local_info info = zone_->get_info(shown);
  const auto at = [shown](const date::sys_info& rule) {
    return wall(date::sys_seconds(shown.time_since_epoch() - rule.offset));
  };
  switch (info.result) {
    case date::local_info::ambiguous:
      return {LocalInstants::Kind::kTwice, at(info.first), at(info.second)};
    case date::local_info::nonexistent:
      return {LocalInstants::Kind::kSkipped, wall(info.first.end), {}};
    default:
      return {LocalInstants::Kind::kOnce, at(info.first), {}};
  }
}

}  // namespace litewright
