#include "operate/restore_copy.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ranges>
#include <set>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/shell_words.h"
#include "base/time_text.h"
#include "operate/database_placement.h"
#include "operate/restored_check.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

void read_into(const CopyEntry& copy, DurableFile& out, CopyCheck check, const CopyProgress& progress,
               UnpackedCopy& content) {
  content = unpack_copy(copy.path, &out, progress);
  if (copy.record) hold_against_record(content, *copy.record, copy.path);
  if (content.pages.pages == 0) {
    throw Error(ErrorCode::kDamaged, copy.path.string() + " holds no database: it is empty");
  }
  try {
    check_database_file(out.temporary(), check);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", copy.path.string(), error.what()), error.hint());
  }
}

// Where the unpacked database may lie while it is checked: never gets that name.
fs::path scratch_beside(const fs::path& copy) {
  const fs::path folder = copy.has_parent_path() ? copy.parent_path() : fs::path(".");
  if (::access(folder.c_str(), W_OK) == 0) return folder / (copy.filename().string() + ".verify");
  return fs::temp_directory_path() / (copy.filename().string() + ".verify");
}

std::string known_databases(const std::vector<CopyEntry>& copies) {
  std::set<std::string> stems;
  for (const CopyEntry& copy : copies) stems.insert(copy.name.database);
  std::string names;
  for (const std::string& stem : stems) names += (names.empty() ? "" : ", ") + stem;
  return names;
}

// Newest first: of the database asked for, or of the only one that the folder has.
std::vector<CopyEntry> candidates(const RestoreCopyRequest& request) {
  if (!fs::is_directory(request.from)) return {copy_entry(request.from)};
  std::vector<CopyEntry> copies = list_copies(request.from);
  std::erase_if(copies, [](const CopyEntry& copy) { return !copy.whole(); });
  const std::string all = known_databases(copies);
  std::string stem = request.database ? database_stem(*request.database) : all;
  std::erase_if(copies, [&](const CopyEntry& copy) { return copy.name.database != stem; });
  if (copies.empty()) {
    throw Error(ErrorCode::kNoDatabase,
                fmt::format("{} has no copy of {}", request.from.string(),
                            request.database ? stem : "one database alone"),
                all.empty() ? "litewright backup DB --to " + shell_quoted(request.from.string())
                            : "it has copies of: " + all);
  }
  std::ranges::reverse(copies);
  return copies;
}

void require_whole(const CopyEntry& copy, const RestoreCopyRequest& request) {
  if (copy.whole() || !request.in_place) return;
  throw Error(ErrorCode::kUsage,
              fmt::format("{} holds some tables only, not the whole database", copy.path.string()),
              "restore it beside the database: -o FILE");
}

}  // namespace

CopyEntry copy_entry(const fs::path& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) throw error_from_errno(errno, "open " + file.string());
  if (!S_ISREG(status.st_mode)) throw Error(ErrorCode::kUsage, file.string() + " is not a file");
  CopyEntry copy{.path = file, .bytes = static_cast<std::uint64_t>(status.st_size)};
  copy.name = parse_copy_name(file.filename().string()).value_or(CopyName{.database = database_stem(file)});
  copy.record = read_record(file);
  const WallTime modified(std::chrono::seconds(status.st_mtim.tv_sec) +
                          std::chrono::nanoseconds(status.st_mtim.tv_nsec));
  copy.time = copy.record ? copy.record->taken_at : copy.name.time.value_or(modified);
  return copy;
}

CopyVerdict verify_copy(const CopyEntry& copy, CopyCheck check, const CopyProgress& progress) {
  CopyVerdict verdict{.copy = copy, .content = {}, .check = check_name(check), .trouble = {}};
  try {
    DurableFile scratch(scratch_beside(copy.path), 0600);
    read_into(copy, scratch, check, progress, verdict.content);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
    verdict.trouble = error.what();
  }
  return verdict;
}

RestoreCopyReport restore_copy(const RestoreCopyRequest& request, const ProcessTable& processes,
                               const Clock& clock) {
  const SteadyTime began = clock.steady();
  RestoreCopyReport report;
  const fs::path target = resolve_target(request.target);
  report.target = target.string();
  std::error_code ignored;
  if (fs::is_directory(target, ignored)) {
    throw Error(ErrorCode::kUsage, report.target + " is a directory", "name the file to make: -o FILE");
  }
  const std::vector<CopyEntry> copies = candidates(request);
  if (fs::exists(target, ignored)) refuse_while_open(processes, target);
  for (std::size_t i = 0; i < copies.size(); i++) {
    report.copy = copies[i];
    require_whole(report.copy, request);
    if (request.dry_run) return report;
    DurableFile file(target, 0600);
    try {
      read_into(report.copy, file, CopyCheck::kQuick, request.progress, report.content);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDamaged) throw;
      const bool older = i + 1 < copies.size();
      if (!older || !request.fall_back) {
        throw Error(ErrorCode::kDamaged, fmt::format("{}; nothing was restored", error.what()),
                    older
                        ? fmt::format("--fall-back takes the one before it: {}", copies[i + 1].path.string())
                        : error.hint());
      }
      report.skipped.push_back(error.what());
      continue;
    }
    report.probe_result =
        check_restored(file.temporary(), {.quick_check = false, .probe = request.probe}).probe;
    report.kept = put_in_place(file, target, processes, clock.wall());
    break;
  }
  report.seconds = clock.steady() - began;
  return report;
}

}  // namespace litewright
