#include "operate/prune_copies.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <ranges>
#include <utility>

#include "base/durable_file.h"
#include "base/error.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRecordSuffix = ".json";

// The copies of one database of one kind, the newest first.
using Group = std::vector<CopyChoice*>;

bool ours(const CopyChoice& choice, const std::optional<std::string>& label) {
  const CopyEntry& copy = choice.copy;
  return copy.record && copy.trouble.empty() && (!label || copy.record->label == *label);
}

std::map<std::pair<std::string, std::vector<std::string>>, Group> grouped(
    std::vector<CopyChoice>& choices, const std::optional<std::string>& label) {
  std::map<std::pair<std::string, std::vector<std::string>>, Group> groups;
  for (CopyChoice& choice : std::views::reverse(choices)) {
    if (!ours(choice, label)) continue;
    std::vector<std::string> tables = choice.copy.record->tables;
    std::ranges::sort(tables);
    groups[{choice.copy.record->database, std::move(tables)}].push_back(&choice);
  }
  return groups;
}

void judge(const Group& newest_first, const KeepRules& rules, WallTime now, const LocalOffset& offset) {
  std::vector<KeepPoint> points;
  bool proven = false;
  for (const CopyChoice* choice : newest_first) {
    const CopyEntry& copy = choice->copy;
    const bool newest_proven = !proven && copy.verified();
    proven |= newest_proven;
    points.push_back({.at = copy.time, .bytes = copy.bytes, .pinned = newest_proven});
  }
  const std::vector<KeepReason> reasons = judge_points(points, rules, now, offset);
  for (std::size_t i = 0; i < reasons.size(); ++i) newest_first[i]->reason = reasons[i];
}

bool may_go_for_space(const CopyChoice& choice) {
  return choice.reason && choice.reason != KeepReason::kNone && choice.reason != KeepReason::kPinned &&
         choice.reason != KeepReason::kNewest && choice.reason != KeepReason::kMinimum;
}

void keep_below(std::uint64_t most, std::vector<CopyChoice>& oldest_first) {
  std::uint64_t bytes = 0;
  for (const CopyChoice& choice : oldest_first) {
    if (choice.reason && !choice.goes()) bytes += choice.copy.bytes;
  }
  for (CopyChoice& choice : oldest_first) {
    if (bytes <= most) return;
    if (!may_go_for_space(choice)) continue;
    choice.reason = KeepReason::kNone;
    bytes -= choice.copy.bytes;
  }
}

bool is_record(const fs::path& file) {
  try {
    fs::path copy = file;
    copy.replace_extension();
    return read_record(copy).has_value();
  } catch (const Error&) {
    return false;  // somebody else's
  }
}

std::vector<fs::path> stray_records(const fs::path& folder) {
  std::vector<fs::path> strays;
  std::error_code failed, ignored;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    const fs::path& file = entry->path();
    if (file.extension() != kRecordSuffix || !parse_copy_name(file.stem().string())) continue;
    if (!fs::is_regular_file(entry->symlink_status(ignored))) continue;
    if (fs::exists(fs::symlink_status(folder / file.stem(), ignored)) || !is_record(file)) continue;
    strays.push_back(file);
  }
  if (failed) throw error_from_errno(failed.value(), "list " + folder.string());
  return strays;
}

// False: it was gone already.
bool remove_file(const fs::path& file) {
  if (::unlink(file.c_str()) == 0) return true;
  if (errno == ENOENT) return false;
  throw error_from_errno(errno, "remove " + file.string(), "what went before it is gone; run it again");
}

// Nobody put another file there since it was judged.
bool still_the_same(const CopyEntry& copy) {
  struct stat status{};
  if (::lstat(copy.path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  if (static_cast<std::uint64_t>(status.st_size) != copy.bytes) return false;
  const auto record = read_record(copy.path);
  return record && record->file_checksum == copy.record->file_checksum &&
         record->taken_at == copy.record->taken_at;
}

}  // namespace

std::size_t PruneCopiesPlan::going() const {
  return static_cast<std::size_t>(std::ranges::count_if(choices, &CopyChoice::goes));
}

std::uint64_t PruneCopiesPlan::bytes_freed() const {
  std::uint64_t bytes = 0;
  for (const CopyChoice& choice : choices) bytes += choice.goes() ? choice.copy.bytes : 0;
  return bytes;
}

PruneCopiesPlan plan_prune_copies(const fs::path& folder, const KeepRules& rules,
                                  const std::optional<std::string>& label, WallTime now,
                                  const LocalOffset& offset) {
  PruneCopiesPlan plan;
  for (CopyEntry& copy : list_copies(folder)) plan.choices.push_back({.copy = std::move(copy)});
  KeepRules each = rules;
  each.max_bytes.reset();
  for (const auto& [kind, group] : grouped(plan.choices, label)) judge(group, each, now, offset);
  if (rules.max_bytes) keep_below(*rules.max_bytes, plan.choices);
  plan.stray_records = stray_records(folder);
  return plan;
}

// The copy goes before its record: a kill between the two leaves a record without a copy, which the next
// prune removes, never a copy that counts as somebody else's.
std::size_t prune_copies(const fs::path& folder, const PruneCopiesPlan& plan,
                         const std::function<void(const CopyEntry&)>& removed) {
  std::size_t gone = 0;
  for (const fs::path& record : plan.stray_records) remove_file(record);
  for (const CopyChoice& choice : plan.choices) {
    if (!choice.goes() || !still_the_same(choice.copy)) continue;
    if (!remove_file(choice.copy.path)) continue;
    remove_file(record_path(choice.copy.path));
    ++gone;
    removed(choice.copy);
  }
  sync_folder(folder);
  return gone;
}

}  // namespace litewright
