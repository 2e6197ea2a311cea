// Plain copies forgotten by the keep rules: which of a folder's go, and their removal.
//
// Only copies with a record of ours beside them are judged: another tool's file is never touched, nor one
// that is not as long as its record says. Each database's copies are judged by themselves, and copies of some
// tables apart from whole ones, so that none pushes another kind out. Whatever the rules say, the newest
// stays and the newest whole one that was verified.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "archive/copy_folder.h"
#include "archive/keep_rules.h"

namespace litewright {

struct CopyChoice {
  CopyEntry copy;
  // nullopt: not judged, so it stays: "no record of ours", or what is wrong with it.
  std::optional<KeepReason> reason = {};
  bool goes() const { return reason == KeepReason::kNone; }
};

struct PruneCopiesPlan {
  std::vector<CopyChoice> choices;  // as list_copies() orders them: oldest first
  // Records whose copy is gone: what a prune that was killed leaves behind.
  std::vector<std::filesystem::path> stray_records;

  std::size_t going() const;
  std::uint64_t bytes_freed() const;
};

// `label`: only copies that carry it are judged. rules.max_bytes counts for all judged copies together.
PruneCopiesPlan plan_prune_copies(const std::filesystem::path& folder, const KeepRules& rules,
                                  const std::optional<std::string>& label, WallTime now,
                                  const LocalOffset& offset = system_local_offset);

// Removes what the plan says, the oldest first; `removed` hears of each file that went. A copy that is no
// longer the file that was judged stays. Durable when it returns. Returns how many copies went.
std::size_t prune_copies(const std::filesystem::path& folder, const PruneCopiesPlan& plan,
                         const std::function<void(const CopyEntry&)>& removed);

}  // namespace litewright
