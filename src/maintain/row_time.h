// How old a row is, by a column that says a time in whatever way its application writes it. As SQL.
//
// Text: ISO 8601, UTC where it names no zone. Numbers, integer or real: seconds, milliseconds, microseconds,
// nanoseconds since 1970, or a Julian day, and only those that mean a time from 1980 to 2100. These five
// ranges do not overlap, and years, 20260131, serial days of spreadsheets, small ids and 0 are in none: a
// number that is no time must not make its row go.
#pragma once

#include <string>

#include "base/clock.h"

namespace litewright {

// Seconds since 1970, cut; NULL where no time is understood. `name`: the column, quoted.
std::string seconds_of(const std::string& name);

// True for a row c whose column is older.
std::string older_than(const std::string& column, WallTime cutoff);

}  // namespace litewright
