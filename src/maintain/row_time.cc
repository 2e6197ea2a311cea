#include "maintain/row_time.h"

#include <fmt/format.h>

#include "sqlite/sql_names.h"

namespace litewright {
namespace {

constexpr std::int64_t kFrom = 315'532'800;  // 1980-01-01
constexpr std::int64_t kTo = 4'102'444'800;  // 2100-01-01
constexpr double kJulianFrom = 2444239.5, kJulianTo = 2488069.5, kJulianOf1970 = 2440587.5;

}  // namespace

std::string seconds_of(const std::string& name) {
  std::string numbers;
  for (const std::int64_t unit : {1LL, 1'000LL, 1'000'000LL, 1'000'000'000LL}) {
    numbers += fmt::format("WHEN {0} BETWEEN {1} AND {2} THEN CAST({0}/{3} AS INTEGER) ", name, kFrom * unit,
                           kTo * unit, unit);
  }
  // A Julian day is a fraction that is off by some microseconds: to the millisecond first, as SQLite has it.
  numbers += fmt::format(
      "WHEN {0} BETWEEN {1:.1f} AND {2:.1f} THEN CAST(round(({0}-{3:.1f})*86400000) AS INTEGER)/1000 ", name,
      kJulianFrom, kJulianTo, kJulianOf1970);
  return fmt::format(
      "CASE typeof({0}) WHEN 'text' THEN CASE WHEN {0} GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' "
      "THEN CAST(strftime('%s', {0}) AS INTEGER) END "
      "WHEN 'integer' THEN CASE {1}END WHEN 'real' THEN CASE {1}END END",
      name, numbers);
}

std::string older_than(const std::string& column, WallTime cutoff) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(cutoff.time_since_epoch()).count();
  return fmt::format("({}) < {}", seconds_of("c." + quoted_name(column)), seconds);
}

}  // namespace litewright
