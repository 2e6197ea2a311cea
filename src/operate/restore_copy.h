// Plain copies read again: verified, and restored with the same care as a point of the archive.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "archive/copy_folder.h"
#include "archive/copy_unpack.h"
#include "base/clock.h"
#include "base/process_table.h"
#include "operate/copy_check.h"

namespace litewright {

// What reading a copy through gave. Sound: `trouble` is empty.
struct CopyVerdict {
  CopyEntry copy;
  UnpackedCopy content;
  std::string check;    // "quick_check", "integrity_check"
  std::string trouble;  // what is wrong with it
};

// The entry of one file, in whatever folder and under whatever name. Throws Error{kNoDatabase} where there is
// none.
CopyEntry copy_entry(const std::filesystem::path& file);

// Reads it, holds it against its record where it has one, and checks the database in it. Needs room for the
// unpacked database beside the copy, or in the folder for temporary files where that one can't be written.
// Damage is a verdict; other errors are thrown.
CopyVerdict verify_copy(const CopyEntry& copy, CopyCheck check, const CopyProgress& progress);

struct RestoreCopyRequest {
  std::filesystem::path from;  // a copy, or a folder of them: the newest
  std::optional<std::string> database =
      {};                 // whose copies count in a folder: app.db; none: those of the only one
  std::string target;     // the file to make
  bool in_place = false;  // the target is the live database
  bool dry_run = false;
  bool fall_back = false;  // of a folder: the one before it where the newest is damaged
  std::optional<std::string> probe = {};
  CopyProgress progress = {};
};

struct RestoreCopyReport {
  CopyEntry copy;  // what was restored
  UnpackedCopy content;
  std::vector<std::string> skipped;  // damaged ones, with what is wrong
  std::string target;
  std::vector<std::string> kept;  // the old files' names now
  std::optional<std::string> probe_result;
  std::chrono::duration<double> seconds{};
};

// Throws Error{kLocked} where the target is open, Error{kDamaged} where the copy is damaged (the hint names
// the next older one), Error{kNoDatabase} where there is none. On every failure the target is as it was.
RestoreCopyReport restore_copy(const RestoreCopyRequest& request, const ProcessTable& processes,
                               const Clock& clock);

}  // namespace litewright
