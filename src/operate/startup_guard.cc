#include "operate/startup_guard.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/disk_space.h"
#include "base/shell_words.h"
#include "base/time_text.h"
#include "base/work_limit.h"
#include "check/integrity.h"
#include "operate/database_kind.h"
#include "operate/expected_schema.h"
#include "sqlite/distrust.h"
#include "sqlite/safe_reader.h"
#include "sqlite/write_probe.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLeastFree = 16 << 20;  // bytes: with less the first writes fail
constexpr std::chrono::milliseconds kPatience{2000};

struct Guard {
  const StartupRequest& request;
  const ProcessTable& processes;
  const Clock& clock;
  StartupReport& report;
  bool hot = false;  // a journal waits to be rolled back

  fs::path folder() const { return fs::path(request.path).parent_path(); }
};

// What a step has to say; empty: fine. It throws Error where it fails, Skipped where it can't be told.
struct Skipped {
  std::string why;
};

bool may(const fs::path& path, int how) { return ::faccessat(AT_FDCWD, path.c_str(), how, AT_EACCESS) == 0; }

bool is_mount_point(const fs::path& folder) {
  struct stat here{}, above{};
  return ::stat(folder.c_str(), &here) == 0 && ::stat((folder / "..").c_str(), &above) == 0 &&
         (here.st_dev != above.st_dev || here.st_ino == above.st_ino);
}

bool is_read_only(const fs::path& path) {
  struct statvfs status{};
  return ::statvfs(path.c_str(), &status) == 0 && (status.f_flag & ST_RDONLY) != 0;
}

std::string owner_of(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return "";
  return fmt::format("it belongs to {}:{} with mode {:04o}, this process is {}:{}", status.st_uid,
                     status.st_gid, status.st_mode & 07777u, ::geteuid(), ::getegid());
}

std::string check_folder(Guard& guard) {
  const fs::path folder = guard.folder();
  std::error_code failure;
  if (!fs::exists(folder, failure)) {
    throw Error(ErrorCode::kNoDatabase, fmt::format("Database folder does not exist: {}", folder.string()),
                "mount the volume, or make the folder, and start again");
  }
  if (!fs::is_directory(folder, failure)) {
    throw Error(ErrorCode::kNoDatabase, fmt::format("Database folder is not a folder: {}", folder.string()),
                "name the file in its folder");
  }
  return is_mount_point(folder) ? "a mount point" : "";
}

std::string check_file(Guard& guard) {
  std::error_code failure;
  const fs::file_status status = fs::status(guard.request.path, failure);
  guard.report.exists = fs::exists(status);
  if (!guard.report.exists && failure.value() == EACCES) {
    throw Error(ErrorCode::kPermission,
                fmt::format("Database folder can't be searched: {}", guard.folder().string()),
                owner_of(guard.folder()));
  }
  if (!guard.report.exists) {
    const bool bare = fs::is_empty(guard.folder(), failure) && !is_mount_point(guard.folder());
    throw Error(
        ErrorCode::kNoDatabase,
        fmt::format("Database file does not exist: {}{}", guard.request.path,
                    bare ? " (its folder is empty and no mount point: the volume is not mounted?)" : ""),
        "mount the volume that holds it, restore it (litewright restore), or begin anew: DB_RESET=1");
  }
  if (!fs::is_regular_file(status)) {
    throw Error(ErrorCode::kNoDatabase, fmt::format("Database file is not a file: {}", guard.request.path),
                "name the file itself");
  }
  return "";
}

void require_writable(const fs::path& path, const char* what) {
  if (may(path, W_OK)) return;
  if (is_read_only(path)) {
    throw Error(
        ErrorCode::kPermission,
        fmt::format("{} is not writable: {} (its file system is mounted read-only)", what, path.string()),
        "mount it for writing");
  }
  throw Error(ErrorCode::kPermission, fmt::format("{} is not writable: {}", what, path.string()),
              fmt::format("chown {}:{} {}   ({})", ::geteuid(), ::getegid(), shell_quoted(path.string()),
                          owner_of(path)));
}

std::string check_permissions(Guard& guard) {
  const fs::path database = guard.request.path;
  if (!may(database, R_OK)) {
    throw Error(ErrorCode::kPermission, fmt::format("Database file is not readable: {}", database.string()),
                owner_of(database));
  }
  require_writable(database, "Database file");
  require_writable(guard.folder(), "Database folder");
  for (const char* suffix : {"-wal", "-shm", "-journal"}) {
    const fs::path companion = database.string() + suffix;
    std::error_code failure;
    if (fs::exists(companion, failure)) require_writable(companion, "A companion of the database");
  }
  guard.report.writable = true;
  return "";
}

std::string check_disk(Guard& guard) {
  const DiskSpace space = disk_space(guard.request.path);
  if (space.all == 0) throw Skipped{"the disk can't be asked"};
  if (space.free < kLeastFree) {
    throw Error(
        ErrorCode::kIo,
        fmt::format("the disk is full: {} free of {}", format_size(space.free), format_size(space.all)),
        "free some room on the disk of " + guard.folder().string());
  }
  return fmt::format("{} free", format_size(space.free));
}

std::string check_kind(Guard& guard) {
  const auto empty = require_database_content(guard.request.path);
  return empty ? "the file is empty" : "";
}

std::string check_network(Guard& guard) {
  struct statfs status{};
  if (::statfs(guard.request.path.c_str(), &status) != 0) throw Skipped{"the file system can't be asked"};
  constexpr std::array<std::pair<std::uint32_t, const char*>, 6> kNetwork = {{{0x6969, "nfs"},
                                                                              {0xff534d42, "cifs"},
                                                                              {0xfe534d42, "smb2"},
                                                                              {0x517b, "smb"},
                                                                              {0x01021997, "9p"},
                                                                              {0x00c36400, "ceph"}}};
  for (const auto& [magic, name] : kNetwork) {
    if (static_cast<std::uint32_t>(status.f_type) != magic) continue;
    std::error_code failure;
    if (fs::exists(guard.request.path + "-wal", failure)) {
      throw Error(ErrorCode::kConfig,
                  fmt::format("the database is in WAL mode on a network file system ({})", name),
                  "move it to a local disk, or leave WAL mode: PRAGMA journal_mode=DELETE");
    }
    return fmt::format("a network file system ({}): locks may not hold, WAL mode does not work", name);
  }
  return "";
}

std::string check_journal(Guard& guard) {
  guard.hot = hot_journal(guard.request.path).has_value();
  return guard.hot ? "a crash's journal will be rolled back when the application opens the database" : "";
}

std::string holder_of(const Guard& guard) {
  const FileHolders found =
      guard.processes.who_has_open({guard.request.path, guard.request.path + "-shm"}, OwnProcess::kExclude);
  for (const FileHolder& holder : found.holders) {
    for (const HeldFile& file : holder.files) {
      for (const HeldLock& lock : file.locks) {
        if (lock.mode == HeldLock::Mode::kWrite) return describe(holder);
      }
    }
  }
  return "";
}

std::string check_writing(Guard& guard) {
  if (guard.hot) throw Skipped{"opening it for writing would roll the journal back"};
  try {
    guard.report.journal_mode = probe_writing(guard.request.path, kPatience).journal_mode;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kLocked) throw;
    const std::string holder = holder_of(guard);
    throw Error(
        ErrorCode::kLocked,
        holder.empty() ? "database is locked" : fmt::format("database is locked: {} holds it", holder),
        "litewright locks " + shell_quoted(guard.request.path));
  }
  return guard.report.journal_mode;
}

std::string check_schema(Guard& guard) {
  if (!guard.request.schema) throw Skipped{"no --schema given"};
  if (guard.hot) throw Skipped{"a journal waits to be rolled back"};
  SafeReader reader(guard.request.path, guard.clock);
  const std::vector<std::string> missing = missing_from_schema(reader.connection(), *guard.request.schema);
  if (missing.empty()) return "";
  const std::string more = missing.size() > 1 ? fmt::format(" (and {} more)", missing.size() - 1) : "";
  throw Error(ErrorCode::kConfig, missing[0] + more,
              "run the application's migrations, or name the right database");
}

std::string check_pages(Guard& guard) {
  if (guard.hot) throw Skipped{"a journal waits to be rolled back"};
  const SteadyTime end =
      guard.clock.steady() + std::chrono::duration_cast<SteadyTime::duration>(guard.request.budget);
  const WorkLimit limit(work_for(guard.request.path));
  const auto is_over = [&] { return guard.clock.steady() > end || limit.spent(); };
  PageSnapshot snapshot(guard.request.path, guard.clock);
  distrust_content(snapshot.connection());
  limit_value_length(snapshot.connection(), content_bytes(guard.request.path));
  SnapshotPages pages(snapshot);
  IntegrityReport report;
  try {
    const SchemaMap schema = read_schema_map(snapshot.connection());
    report = check_integrity(pages, schema,
                             {.database = guard.request.path, .agreement = false, .give_up = is_over});
  } catch (const Error&) {
    if (!is_over()) throw;
    throw Skipped{fmt::format("not done within {}: litewright check --quick goes through all of it",
                              format_duration(limit.spent() ? limit.cpu() : guard.request.budget))};
  }
  const auto critical = std::ranges::find(report.findings, Severity::kCritical, &Finding::severity);
  if (critical != report.findings.end()) {
    throw Error(ErrorCode::kDamaged, "the database is damaged: " + critical->meaning,
                "litewright restore " + shell_quoted(guard.request.path));
  }
  return fmt::format("{} pages", report.pages);
}

struct GuardStep {
  const char* name;
  std::string (*run)(Guard&);
};

constexpr std::array<GuardStep, 10> kSteps = {{{"folder", check_folder},
                                               {"file", check_file},
                                               {"permissions", check_permissions},
                                               {"disk", check_disk},
                                               {"database", check_kind},
                                               {"network", check_network},
                                               {"journal", check_journal},
                                               {"writing", check_writing},
                                               {"schema", check_schema},
                                               {"integrity", check_pages}}};

}  // namespace

StartupReport guard_startup(const StartupRequest& request, const ProcessTable& processes,
                            const Clock& clock) {
  StartupReport report;
  Guard guard = {request, processes, clock, report};
  for (const GuardStep& step : kSteps) {
    StartupCheck check = {.name = step.name};
    try {
      check.message = step.run(guard);
    } catch (const Skipped& reason) {
      check.outcome = StartupCheck::Outcome::kSkipped;
      check.message = reason.why;
    } catch (const Error& error) {
      const std::string disk = error.code() == ErrorCode::kDamaged ? disk_failure(request.path) : "";
      check.outcome = StartupCheck::Outcome::kFailed;
      check.message = report.message = disk.empty() ? error.what() : "disk I/O error: " + disk;
      report.failure = disk.empty() ? error.code() : ErrorCode::kIo;
      report.hint = disk.empty() ? error.hint() : "look at the disk, and at the kernel's log";
    }
    report.checks.push_back(check);
    if (report.failure) break;
  }
  return report;
}

}  // namespace litewright
