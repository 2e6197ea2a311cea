// A plain copy as an operator wants it: of one moment, read back, sound, and only then under its name.
//
// The pages are first laid down beside the target, so that the read mark is held no longer than that takes;
// what is slow (compressing, checking, reading back) comes after. Room beside the target: the database's
// size, for as long as it is made; for SQL twice that. A copy of some tables is dumped from the live database
// itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "archive/copy_record.h"
#include "base/clock.h"
#include "operate/copy_check.h"
#include "sqlite/page_snapshot.h"

namespace litewright {

struct MakeCopyRequest {
  std::filesystem::path database;
  std::filesystem::path file;  // to be made; must not exist
  CopyForm form = CopyForm::kDb;
  std::vector<std::string> tables = {};  // empty: everything
  std::string label = {};
  std::uint64_t wal_ceiling = 1u << 30;  // bytes of the WAL that the read mark may pin
  CopyCheck check = CopyCheck::kQuick;   // kNone: not read back either
  int threads = 2;
  // Called with what is done now ("copy", "compress", …), how much of it, of how much (0: not known). What it
  // throws ends the work.
  std::function<void(const char* stage, std::uint64_t done, std::uint64_t all)> progress = {};
};

struct CopyReport {
  CopyRecord record;
  std::filesystem::path file;
  SnapshotHold hold;  // what the read mark cost
  bool wal = false;   // it was one; else the SHARED lock
  std::chrono::duration<double> seconds{};
};

// Throws what require_database_source() throws, Error{kCantCreate} where the file exists or its folder
// doesn't, Error{kLocked} at the ceiling, Error{kDamaged} where the database has no page, or the copy is not
// sound or does not read back as what was read. Whatever happens before the end leaves nothing but, after a
// kill, a hidden temporary that the next copy into the folder removes.
CopyReport make_copy(const MakeCopyRequest& request, const Clock& clock);

// A name in `folder` that is free now, for a copy taken at `now`.
std::filesystem::path name_copy_in_folder(const std::filesystem::path& folder, const MakeCopyRequest& request,
                                          WallTime now);

}  // namespace litewright
