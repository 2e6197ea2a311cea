// The plain copies in a folder, whoever made them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "archive/copy_name.h"
#include "archive/copy_record.h"

namespace litewright {

struct CopyEntry {
  std::filesystem::path path = {};
  CopyName name = {};
  std::uint64_t bytes = 0;
  WallTime time{};  // of the snapshot: the record's, else the name's, else the file's
  std::optional<CopyRecord> record = {};
  // What the record or the file's size says against it; empty: nothing. A copy without a page is none.
  std::string trouble = {};
  // It was verified when it was made and has the size that it had then.
  bool verified() const { return record && record->verified_at && trouble.empty(); }
  bool whole() const { return record ? record->tables.empty() : name.whole; }
};

// Oldest first; at the same time by name. Only regular files with one of the five suffixes; no live
// databases: a .db with a -wal or -journal beside it is left out. Throws Error{kNoDatabase|kPermission}.
std::vector<CopyEntry> list_copies(const std::filesystem::path& folder);

}  // namespace litewright
