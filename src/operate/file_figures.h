// What can be told of a database without SQLite and without opening it (FACTS 7): by stat(2) of its files and
// of its disk. For `check`, and for the daemon, which holds a connection that it must not disturb.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/disk_space.h"
#include "check/thresholds.h"

namespace litewright {

struct FileFigures {
  bool exists = false;
  int error_number = 0;         // why it can't be looked at: whether it exists is not known
  bool writable = false;        // by this user: a transaction needs the folder, too, for its journal or WAL
  std::string unwritable = {};  // where it exists and is not: why, in the words of `check --startup`
  std::uint64_t database_bytes = 0, wal_bytes = 0;
  WallTime written{};  // the newest time of the file and its WAL; the start of time where there is none
  DiskSpace disk = {};
};

FileFigures look_at_files(const std::string& database);

// By the thresholds' names: size, size-min, wal, free-disk, disk-used, clock-ahead; nothing of a file that
// does not exist but what is known of its disk.
MeasuredFigures measured(const FileFigures& files, WallTime now);

// 0 for a time in the future.
double age_seconds(WallTime of, WallTime now);

// The threshold's figure: how old the newest archived commit is, where the file was written since; else 0.
double backup_age(WallTime archived_seen_at, WallTime written, WallTime now);

// Seconds until the disk is full, by the trend of the last days; remembers `disk` for the next time, at most
// hourly. Empty where there is no trend yet, or no state folder.
std::optional<double> disk_trend(const std::string& state_folder, const std::string& database,
                                 const DiskSpace& disk, WallTime now);

}  // namespace litewright
