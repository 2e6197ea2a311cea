// Gives free pages back to the file system: VACUUM, or incrementally where auto_vacuum allows that.
//
// VACUUM builds the database anew in a temporary file and writes it back in one transaction: writers are kept
// out all the while, and up to twice the database's size is needed on disk (FACTS 22). So it is planned
// first, with figures, and refused where it would hurt.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "format/database_header.h"
#include "maintain/write_turn.h"
#include "sqlite/connection.h"

namespace litewright {

std::string_view auto_vacuum_name(AutoVacuum mode);  // "none", "full", "incremental"

struct PageCounts {
  std::uint64_t page_size = 0, pages = 0, free_pages = 0;
  AutoVacuum auto_vacuum = AutoVacuum::kNone;
  std::uint64_t bytes() const { return pages * page_size; }
  std::uint64_t free_bytes() const { return free_pages * page_size; }
  double free_share() const {
    return pages == 0 ? 0 : static_cast<double>(free_pages) / static_cast<double>(pages);
  }
};
PageCounts count_pages(Connection& connection);

// Commits by anybody within `watch`, a second: from the WAL's index, else from the file's change counter.
double commits_per_second(Connection& connection, const Clock& clock, std::chrono::milliseconds watch);

struct VacuumRequest {
  double if_free_above = 0.25;                 // share of the pages; below, nothing is done
  std::optional<AutoVacuum> auto_vacuum = {};  // switch to it, which may need a VACUUM of its own
  bool force = false;                          // although the database is busy
  std::uint64_t pages_a_batch = 500;           // incremental: one transaction each
  std::chrono::milliseconds watch{1000};       // how long commits are counted
  WritePatience patience = {};
  std::function<bool()> stop = {};  // asked between batches; may be empty
};

struct VacuumPlan {
  enum class Way { kNothing, kIncremental, kWhole };
  Way way = Way::kNothing;
  std::string why = {};  // of kNothing
  PageCounts before = {};
  // Of kWhole: room for the temporary copy, and for what is written beside the database.
  std::string temporary_folder = {};
  std::uint64_t temporary_bytes = 0, beside_bytes = 0;
  std::chrono::duration<double> writers_out{};  // about, at a time
  double commits_per_second = 0;                // 0 where it was not measured: nothing is to be done
};

// Writes nothing. Throws Error{kIo} where the disk has not the room, Error{kLocked} where the database is too
// busy for it (unless forced), both with the figures.
VacuumPlan plan_vacuum(Connection& connection, const Clock& clock, const VacuumRequest& request);

struct VacuumReport {
  PageCounts after;
  std::uint64_t batches = 0;  // of kIncremental
  bool stopped = false;
  std::chrono::duration<double> writers_out{}, longest_out{};
};

// Does what was planned. The file itself shrinks with the next checkpoint. Throws Error{kLocked} as WriteTurn
// does, Error{kIo} on a full disk: the database is as it was, incrementally as far as it came.
VacuumReport vacuum(Connection& connection, const Clock& clock, const VacuumRequest& request,
                    const VacuumPlan& plan);

}  // namespace litewright
