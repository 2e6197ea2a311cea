#include "operate/file_figures.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "operate/health_memory.h"

namespace litewright {
namespace {

WallTime time_of(const struct stat& status) {
  return WallTime(std::chrono::seconds(status.st_mtim.tv_sec) +
                  std::chrono::nanoseconds(status.st_mtim.tv_nsec));
}

bool may(const std::string& path, int how) {
  return ::faccessat(AT_FDCWD, path.c_str(), how, AT_EACCESS) == 0;
}

// Empty where a transaction can be written.
std::string why_unwritable(const std::string& database) {
  if (!may(database, W_OK)) return "Database file is not writable";
  const std::filesystem::path folder = std::filesystem::path(database).parent_path();
  if (!may(folder.empty() ? "." : folder.string(), W_OK | X_OK)) return "Database folder is not writable";
  for (const char* suffix : {"-wal", "-shm", "-journal"}) {
    if (!may(database + suffix, W_OK) && errno != ENOENT)
      return "A companion of the database is not writable";
  }
  return "";
}

// Between a write and the moment at which its commit was seen.
constexpr std::chrono::seconds kSeenLate{2};

}  // namespace

FileFigures look_at_files(const std::string& database) {
  FileFigures files{.disk = disk_space(database)};
  struct stat status{};
  if (::stat(database.c_str(), &status) != 0) {
    if (errno != ENOENT) files.error_number = errno;
    return files;
  }
  files.exists = true;
  files.unwritable = why_unwritable(database);
  files.writable = files.unwritable.empty();
  files.database_bytes = static_cast<std::uint64_t>(status.st_size);
  files.written = time_of(status);
  if (::stat((database + "-wal").c_str(), &status) != 0) return files;
  files.wal_bytes = static_cast<std::uint64_t>(status.st_size);
  if (files.wal_bytes > 0) files.written = std::max(files.written, time_of(status));
  return files;
}

MeasuredFigures measured(const FileFigures& files, WallTime now) {
  MeasuredFigures figures;
  if (files.disk.all > 0) {
    figures["free-disk"] = static_cast<double>(files.disk.free);
    figures["disk-used"] =
        100.0 * static_cast<double>(files.disk.all - files.disk.free) / static_cast<double>(files.disk.all);
  }
  if (!files.exists) return figures;
  figures["size"] = figures["size-min"] = static_cast<double>(files.database_bytes);
  figures["wal"] = static_cast<double>(files.wal_bytes);
  figures["clock-ahead"] = age_seconds(now, files.written);
  return figures;
}

double age_seconds(WallTime of, WallTime now) {
  return std::max(0.0, std::chrono::duration<double>(now - of).count());
}

double backup_age(WallTime archived_seen_at, WallTime written, WallTime now) {
  return written - archived_seen_at > kSeenLate ? age_seconds(archived_seen_at, now) : 0;
}

std::optional<double> disk_trend(const std::string& state_folder, const std::string& database,
                                 const DiskSpace& disk, WallTime now) {
  if (state_folder.empty() || disk.all == 0) return std::nullopt;
  HealthMemory memory = read_health_memory(state_folder, database);
  const DiskSample sample = {std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count(),
                             disk.free};
  const auto left = seconds_until_full(memory.disk, sample);
  if (memory.remember(sample)) write_health_memory(state_folder, database, memory);
  return left;
}

}  // namespace litewright
