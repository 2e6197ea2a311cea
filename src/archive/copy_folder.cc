#include "archive/copy_folder.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "base/error.h"
#include "base/time_text.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

WallTime modified_at(const struct stat& status) {
  return WallTime(std::chrono::seconds(status.st_mtim.tv_sec) +
                  std::chrono::nanoseconds(status.st_mtim.tv_nsec));
}

bool is_live(const fs::path& file) {
  std::error_code ignored;
  for (const char* suffix : {"-wal", "-journal", "-shm"}) {
    if (fs::exists(file.string() + suffix, ignored)) return true;
  }
  return false;
}

// Of some tables as SQL, not verified, nobody counted pages.
bool holds_nothing(const CopyRecord& record) {
  return record.pages == 0 && (record.tables.empty() || record.verified_at);
}

void read_what_is_known(CopyEntry& entry) {
  try {
    entry.record = read_record(entry.path);
  } catch (const Error& error) {
    entry.trouble = error.what();
    return;
  }
  if (!entry.record) return;
  entry.time = entry.record->taken_at;
  if (entry.record->file_bytes != entry.bytes) {
    entry.trouble =
        fmt::format("{} long, was {}", format_size(entry.bytes), format_size(entry.record->file_bytes));
  } else if (holds_nothing(*entry.record)) {
    entry.trouble = "it is empty";
  }
}

}  // namespace

std::vector<CopyEntry> list_copies(const fs::path& folder) {
  std::vector<CopyEntry> copies;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    const std::string file_name = entry->path().filename().string();
    const auto name = parse_copy_name(file_name);
    struct stat status{};
    if (!name || file_name.starts_with('.') || ::lstat(entry->path().c_str(), &status) != 0) continue;
    if (!S_ISREG(status.st_mode) || (name->form == CopyForm::kDb && is_live(entry->path()))) continue;
    CopyEntry copy{.path = entry->path(), .name = *name, .bytes = static_cast<std::uint64_t>(status.st_size)};
    copy.time = name->time.value_or(modified_at(status));
    read_what_is_known(copy);
    copies.push_back(std::move(copy));
  }
  if (failed) throw error_from_errno(failed.value(), "list " + folder.string());
  std::ranges::sort(copies, [](const CopyEntry& a, const CopyEntry& b) {
    return std::tie(a.time, a.path) < std::tie(b.time, b.path);
  });
  return copies;
}

}  // namespace litewright
