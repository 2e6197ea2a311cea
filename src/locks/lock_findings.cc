#include "locks/lock_findings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/shell_words.h"
#include "base/time_text.h"
#include "format/library_version.h"

namespace litewright {
namespace {

using std::chrono::nanoseconds;

constexpr std::string_view kEndingIt =
    "ending it rolls back what it has not committed, and loses nothing else";

double seconds(nanoseconds time) { return std::chrono::duration<double>(time).count(); }

std::string object_of(const LockHolder& holder) {
  return holder.process.pid == 0 ? "outside this container" : fmt::format("pid {}", holder.process.pid);
}

// Gathers findings about one report.
class Judge {
 public:
  Judge(const LockReport& report, const LockHistory& history, const LockLimits& limits)
      : report_(report), history_(history), limits_(limits) {}

  std::vector<Finding> judge() {
    for (const LockHolder& holder : report_.processes) {
      for (const HeldKey& key : holder.held) {
        if (history_.stands(key)) judge_standing(holder, key);
      }
      judge_libraries(holder);
    }
    std::ranges::stable_sort(findings_, std::greater<>(), &Finding::severity);
    return std::move(findings_);
  }

 private:
  Finding& add(std::string id, Severity severity, const LockHolder& holder, std::string meaning) {
    Finding& finding = findings_.emplace_back();
    finding.id = std::move(id);
    finding.severity = severity;
    finding.database = report_.database;
    finding.object = object_of(holder);
    finding.meaning = std::move(meaning);
    if (holder.process.pid > 0) {
      finding.figures.push_back({"pid", static_cast<std::int64_t>(holder.process.pid)});
      finding.remedy = fmt::format("kill {}", holder.process.pid);
    } else {
      finding.meaning += "; it can be named by the same command on the host";
      finding.remedy = "litewright locks " + shell_quoted(report_.database);
    }
    return finding;
  }

  // A lock that stands: warning at first, critical from the limit on.
  Severity by_age(nanoseconds age) const {
    return age >= limits_.lock_critical ? Severity::kCritical : Severity::kWarning;
  }

  void judge_standing(const LockHolder& holder, const HeldKey& key) {
    const nanoseconds age = history_.held_for(key).value_or(nanoseconds(0));
    switch (key.kind) {
      case HeldKind::kWrite:
        if (!holder.locks.wal_index.checkpoints()) judge_writer(holder, age);
        return;
      case HeldKind::kPending:
        return judge_pending(holder, age);
      case HeldKind::kExclusive:
        return judge_exclusive(holder, age);
      case HeldKind::kCheckpoint:
        return judge_checkpoint(holder, age);
      case HeldKind::kRecover:
        add("lock.recovery", by_age(age), holder,
            fmt::format("{} has been recovering the WAL for {}: nobody else gets in meanwhile",
                        describe(holder.process), format_duration(age)));
        return;
      case HeldKind::kRead:
        return judge_reader(holder, key, age);
      case HeldKind::kDropped:
        return judge_lost_locks(holder);
      case HeldKind::kStale:
        return judge_stale(holder);
    }
  }

  void judge_writer(const LockHolder& holder, nanoseconds age) {
    Finding& finding = add(
        "lock.write-held", by_age(age), holder,
        fmt::format("{} has held the write lock for {} at least, without a commit: every other writer gets "
                    "\"database is locked\" (who waits can't be seen); {}",
                    describe(holder.process), format_duration(age), kEndingIt));
    finding.figures.push_back({"held_seconds", seconds(age)});
  }

  void judge_pending(const LockHolder& holder, nanoseconds age) {
    const auto readers = others_that(
        [](const LockHolder& other) {
          return other.locks.main_file.state() >= MainFileLocks::State::kShared;
        },
        holder);
    Finding& finding =
        add("lock.pending", by_age(age), holder,
            fmt::format("{} wants to commit and has waited for {} at least until nobody reads; new "
                        "readers and writers are kept out meanwhile; {}",
                        describe(holder.process), format_duration(age), kEndingIt));
    finding.figures.push_back({"held_seconds", seconds(age)});
    add_in_the_way(readers, "a commit", age);
  }

  void judge_exclusive(const LockHolder& holder, nanoseconds age) {
    Finding& finding =
        add("lock.exclusive", by_age(age), holder,
            fmt::format("{} has the whole database to itself, for {} at least (by {}PRAGMA "
                        "locking_mode=EXCLUSIVE): everybody else gets \"database is locked\"; {}",
                        describe(holder.process), format_duration(age),
                        report_.wal_mode ? "" : "a transaction, BEGIN EXCLUSIVE or ", kEndingIt));
    finding.figures.push_back({"held_seconds", seconds(age)});
  }

  void judge_checkpoint(const LockHolder& holder, nanoseconds age) {
    if (history_.backfilled() > 0) return;
    const bool alone = holder.locks.wal_index.writes();
    const auto readers = others_that(
        [alone](const LockHolder& other) {
          return other.pinned_bytes > 0 || (alone && other.locks.wal_index.blocks_restart());
        },
        holder);
    if (holder.is_own_follower && readers.empty()) return;
    Finding& finding =
        add("checkpoint.stuck", by_age(age), holder,
            fmt::format("{} runs a checkpoint that has not moved for {} at least{}; ending it loses nothing",
                        describe(holder.process), format_duration(age),
                        alone ? ", and keeps all writers out meanwhile" : ""));
    finding.figures.push_back({"held_seconds", seconds(age)});
    add_in_the_way(readers, "a checkpoint", age);
  }

  void judge_reader(const LockHolder& holder, const HeldKey& key, nanoseconds age) {
    if (!report_.wal_mode) {
      if (age < limits_.reader_warning) return;
      Finding& finding =
          add("lock.long-read", Severity::kWarning, holder,
              fmt::format("{} has been reading for {}: no writer can commit meanwhile; ending it "
                          "loses nothing",
                          describe(holder.process), format_duration(age)));
      finding.figures.push_back({"held_seconds", seconds(age)});
      return;
    }
    if (holder.pinned_bytes == 0 || key.detail != holder.snapshot_frame) return;
    Severity severity = Severity::kInfo;
    if (holder.is_own_follower) {
      if (holder.pinned_bytes <= limits_.follower_pinned_bytes) return;
      severity = Severity::kWarning;
    } else if (holder.pinned_bytes >= limits_.pinned_critical_bytes) {
      severity = Severity::kCritical;
    } else if (holder.pinned_bytes >= limits_.pinned_warning_bytes || age >= limits_.reader_warning) {
      severity = Severity::kWarning;
    }
    Finding& finding =
        add("wal.pinned", severity, holder,
            fmt::format("{} reads a snapshot of {} ago at least: {} and the WAL grows until it ends; {}",
                        describe(holder.process), format_duration(age),
                        key.detail == 0 ? "nothing of the WAL can be copied back into the database"
                                        : "what was committed since can't be copied back into the database",
                        holder.locks.wal_index.writes() ? kEndingIt : "ending it loses nothing"));
    finding.figures.push_back({"pinned_bytes", static_cast<std::int64_t>(holder.pinned_bytes)});
    finding.figures.push_back({"wal_bytes", static_cast<std::int64_t>(report_.wal_bytes)});
    finding.figures.push_back({"snapshot_frame", static_cast<std::int64_t>(key.detail)});
    finding.figures.push_back({"held_seconds", seconds(age)});
  }

  void judge_lost_locks(const LockHolder& holder) {
    const bool main_file = holder.locks.main_file.state() == MainFileLocks::State::kUnlocked;
    add("lock.lost", Severity::kCritical, holder,
        fmt::format(
            "{} works on the database, but its locks on {} are gone: it opened and closed the file beside "
            "its "
            "SQLite connection (a copy, a checksum, a second SQLite in one process). Others no longer see "
            "it and may overwrite what it reads or writes; end it, then check the database",
            describe(holder.process), main_file ? "the database file" : "-shm"));
  }

  void judge_stale(const LockHolder& holder) {
    std::vector<std::string> names;
    for (const auto& file : holder.stale_files) names.push_back(file.filename().string());
    Finding& finding =
        add("file.stale", Severity::kCritical, holder,
            fmt::format(
                "{} has open what was {} before: the file was deleted or replaced under it. What it reads is "
                "old, and what it commits is lost when it ends",
                describe(holder.process), fmt::join(names, ", ")));
    if (holder.process.pid > 0) {
      finding.figures.push_back({"files", static_cast<std::int64_t>(holder.stale_files.size())});
    }
  }

  void judge_libraries(const LockHolder& holder) {
    if (holder.libraries.size() > 1) {
      std::vector<std::string> files;
      for (const SqliteLibrary& library : holder.libraries) files.push_back(library.file);
      Finding& finding =
          add("sqlite.two-copies", Severity::kWarning, holder,
              fmt::format(
                  "{} carries {} copies of SQLite ({}): where both open this database, closing one drops the "
                  "other's locks, which corrupts it",
                  describe(holder.process), files.size(), fmt::join(files, ", ")));
      finding.remedy.clear();
    }
    if (!report_.wal_mode || holder.is_own_follower || !may_write(holder.process)) return;
    for (const SqliteLibrary& library : holder.libraries) {
      if (!has_wal_reset_defect(library.version)) continue;
      Finding& finding =
          add("sqlite.wal-reset-defect", Severity::kInfo, holder,
              fmt::format(
                  "{} carries SQLite {}, whose checkpoints may in rare cases skip commits when two processes "
                  "checkpoint at once; mended in 3.51.3, 3.50.7 and 3.44.6",
                  describe(holder.process), library.version));
      finding.figures.push_back({"version", library.version});
      finding.remedy.clear();
      return;
    }
  }

  template <class Wanted>
  std::vector<const LockHolder*> others_that(Wanted wanted, const LockHolder& but) const {
    std::vector<const LockHolder*> others;
    for (const LockHolder& holder : report_.processes) {
      if (&holder != &but && wanted(holder)) others.push_back(&holder);
    }
    return others;
  }

  void add_in_the_way(const std::vector<const LockHolder*>& readers, std::string_view of,
                      nanoseconds waited) {
    for (const LockHolder* reader : readers) {
      Finding& finding = add("lock.reader-in-the-way", by_age(waited), *reader,
                             fmt::format("{} reads, and {} waits for it; ending it loses nothing",
                                         describe(reader->process), of));
      finding.figures.push_back({"held_seconds", seconds(reader->held_for)});
    }
  }

  const LockReport& report_;
  const LockHistory& history_;
  const LockLimits& limits_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> lock_findings(const LockReport& report, const LockHistory& history,
                                   const LockLimits& limits) {
  return Judge(report, history, limits).judge();
}

}  // namespace litewright
