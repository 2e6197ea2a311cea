#include "maintain/vacuum.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <thread>

#include "base/bytes.h"
#include "base/disk_space.h"
#include "base/time_text.h"
#include "format/wal_index.h"
#include "sqlite/live_files.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

// Of pages in use, on a common disk: read, sorted into the copy, written twice. A prediction, not a promise.
constexpr double kBytesASecond = 90e6;
constexpr double kLeastSeconds = 0.02;
// Above it a database is busy, however short the wait.
constexpr double kBusyCommits = 20;
// Applications wait for a lock for 5 s to 10 s; a wait beyond that is an error in each writer.
constexpr std::chrono::seconds kLongestWaitOfWriters{5};
constexpr std::chrono::milliseconds kBetweenBatches{5};
constexpr int kIndexReads = 1000;

// As SQLite chooses it.
std::string temporary_folder() {
  std::vector<std::string> candidates;
  for (const char* name : {"SQLITE_TMPDIR", "TMPDIR"}) {
    if (const char* value = ::getenv(name)) candidates.emplace_back(value);
  }
  for (const char* folder : {"/var/tmp", "/usr/tmp", "/tmp"}) candidates.emplace_back(folder);
  for (const std::string& folder : candidates) {
    std::error_code failure;
    if (fs::is_directory(folder, failure) && ::access(folder.c_str(), W_OK | X_OK) == 0) return folder;
  }
  return ".";
}

bool same_disk(const std::string& a, const std::string& b) {
  struct stat of_a{};
  struct stat of_b{};
  return ::stat(a.c_str(), &of_a) == 0 && ::stat(b.c_str(), &of_b) == 0 && of_a.st_dev == of_b.st_dev;
}

void require_room(const std::string& place, std::uint64_t bytes, const std::string& what,
                  const std::string& hint) {
  const DiskSpace space = disk_space(place);
  if (space.all == 0 || space.has_room_for(bytes)) return;
  throw Error(
      ErrorCode::kIo,
      fmt::format("VACUUM needs {} for {} on the disk of {}, of which {} are free ({} stay in reserve)",
                  format_size(bytes), what, place, format_size(space.free), format_size(space.reserve())),
      hint);
}

void require_disk(const Connection& connection, const VacuumPlan& plan) {
  const std::string folder = fs::path(connection.path()).parent_path().string();
  const std::string beside = folder.empty() ? "." : folder;
  const std::string other_disk =
      "free some room, or name a larger disk for the temporary copy: SQLITE_TMPDIR=FOLDER";
  if (same_disk(beside, plan.temporary_folder)) {
    require_room(beside, plan.temporary_bytes + plan.beside_bytes, "a temporary copy and the log",
                 other_disk);
    return;
  }
  require_room(plan.temporary_folder, plan.temporary_bytes, "a temporary copy", other_disk);
  require_room(beside, plan.beside_bytes, "the log", "free some room there: the log can't be elsewhere");
}

void require_quiet(const VacuumPlan& plan) {
  const double commits = plan.commits_per_second;
  if (commits <= kBusyCommits && (commits <= 0 || plan.writers_out <= kLongestWaitOfWriters)) return;
  throw Error(
      ErrorCode::kLocked,
      fmt::format("{:.1f} commits a second come in, and writers would wait for about {}", commits,
                  format_duration(std::chrono::duration_cast<std::chrono::nanoseconds>(plan.writers_out))),
      "do it in a quiet hour; all the same: --force");
}

std::uint32_t change_counter(Connection& connection, bool wal) {
  Transaction reading(connection, Transaction::Kind::kRead);
  connection.query_integer("PRAGMA schema_version");
  const LiveFiles files(connection, wal ? LiveFiles::WalParts::kNeeded : LiveFiles::WalParts::kNone);
  for (int tries = 0; wal && tries < kIndexReads; tries++) {
    if (const auto index = read_shared_wal_index(files.index_head())) return index->header.change;
  }
  std::array<std::byte, 100> header{};
  files.read_main(0, header);
  return load_be32(Bytes(header), 24);
}

// From none to another, or back, every page moves; between the others a byte of the header changes.
bool needs_whole(AutoVacuum from, AutoVacuum to) {
  return (from == AutoVacuum::kNone) != (to == AutoVacuum::kNone);
}

void run_whole(Connection& connection, const Clock& clock, const VacuumRequest& request,
               VacuumReport& report) {
  const SteadyTime began = clock.steady();
  run_in_turn(connection, clock, request.patience, "VACUUM main");
  report.writers_out = report.longest_out = clock.steady() - began;
}

void run_incremental(Connection& connection, const Clock& clock, const VacuumRequest& request,
                     VacuumReport& report) {
  for (std::uint64_t left = count_pages(connection).free_pages; left > 0;) {
    if (request.stop && request.stop()) {
      report.stopped = true;
      return;
    }
    SteadyTime alone;
    in_write_turn(connection, clock, request.patience, [&] {
      alone = clock.steady();
      connection.execute(fmt::format("PRAGMA main.incremental_vacuum({})", request.pages_a_batch).c_str());
    });
    const std::chrono::duration<double> out = clock.steady() - alone;
    report.writers_out += out;
    report.longest_out = std::max(report.longest_out, out);
    report.batches++;
    const std::uint64_t now = count_pages(connection).free_pages;
    if (now >= left) return;  // others free pages as fast as this gives them back
    left = now;
    std::this_thread::sleep_for(kBetweenBatches);  // others have their turn
  }
}

}  // namespace

std::string_view auto_vacuum_name(AutoVacuum mode) {
  constexpr std::array<std::string_view, 3> kNames = {"none", "full", "incremental"};
  return kNames.at(static_cast<std::size_t>(mode));
}

PageCounts count_pages(Connection& connection) {
  const auto ask = [&connection](const char* pragma) {
    return static_cast<std::uint64_t>(connection.query_integer(pragma).value_or(0));
  };
  return {.page_size = ask("PRAGMA main.page_size"),
          .pages = ask("PRAGMA main.page_count"),
          .free_pages = ask("PRAGMA main.freelist_count"),
          .auto_vacuum = static_cast<AutoVacuum>(std::min<std::uint64_t>(ask("PRAGMA main.auto_vacuum"), 2))};
}

double commits_per_second(Connection& connection, const Clock& clock, std::chrono::milliseconds watch) {
  const bool wal = connection.query_text("PRAGMA main.journal_mode") == "wal";
  const std::uint32_t first = change_counter(connection, wal);
  const SteadyTime began = clock.steady();
  std::this_thread::sleep_for(watch);
  const std::uint32_t commits = change_counter(connection, wal) - first;  // wraps with the counter
  const std::chrono::duration<double> passed = clock.steady() - began;
  return passed.count() > 0 ? commits / passed.count() : 0;
}

VacuumPlan plan_vacuum(Connection& connection, const Clock& clock, const VacuumRequest& request) {
  VacuumPlan plan{.before = count_pages(connection)};
  const PageCounts& now = plan.before;
  const bool switches = request.auto_vacuum && *request.auto_vacuum != now.auto_vacuum;
  const bool whole_for_switch = switches && needs_whole(now.auto_vacuum, *request.auto_vacuum);
  const bool much = now.free_pages > 0 && now.free_share() > request.if_free_above;
  if (!much && !switches) {
    plan.why = fmt::format("{:.1f} % of the pages are free, not more than {:.1f} %", now.free_share() * 100,
                           request.if_free_above * 100);
    return plan;
  }
  const bool incremental = !whole_for_switch && (now.auto_vacuum != AutoVacuum::kNone);
  plan.way = incremental ? VacuumPlan::Way::kIncremental : VacuumPlan::Way::kWhole;
  const std::uint64_t in_use = now.bytes() - now.free_bytes();
  const std::uint64_t at_a_time = incremental ? request.pages_a_batch * now.page_size : in_use;
  plan.writers_out =
      std::chrono::duration<double>(kLeastSeconds + static_cast<double>(at_a_time) / kBytesASecond);
  plan.commits_per_second = commits_per_second(connection, clock, request.watch);
  if (incremental) return plan;
  const bool wal = connection.query_text("PRAGMA main.journal_mode") == "wal";
  plan.temporary_folder = temporary_folder();
  plan.temporary_bytes = in_use;
  // The WAL gets the pages as they will be; a rollback journal those that were.
  plan.beside_bytes = wal ? in_use + in_use / now.page_size * 24 : now.bytes();
  require_disk(connection, plan);
  if (!request.force) require_quiet(plan);
  return plan;
}

VacuumReport vacuum(Connection& connection, const Clock& clock, const VacuumRequest& request,
                    const VacuumPlan& plan) {
  VacuumReport report;
  if (request.auto_vacuum && plan.way != VacuumPlan::Way::kNothing) {
    wait_patiently(connection, clock, request.patience);
    connection.execute(
        fmt::format("PRAGMA main.auto_vacuum={}", static_cast<int>(*request.auto_vacuum)).c_str());
  }
  if (plan.way == VacuumPlan::Way::kWhole) run_whole(connection, clock, request, report);
  if (plan.way == VacuumPlan::Way::kIncremental) run_incremental(connection, clock, request, report);
  report.after = count_pages(connection);
  return report;
}

}  // namespace litewright
