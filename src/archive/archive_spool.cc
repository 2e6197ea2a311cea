#include "archive/archive_spool.h"

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <mutex>
#include <system_error>

#include "base/checksum.h"
#include "base/disk_space.h"
#include "base/shell_words.h"
#include "store/directory_store.h"
#include "store/memory_store.h"

namespace litewright {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::seconds kSayAgain{60};

std::string place_key(const std::string& place) {
  return fmt::format("{:016x}", checksum64(std::as_bytes(std::span(place))));
}

Figure bytes_figure(std::string name, std::uint64_t bytes) {
  return {std::move(name), static_cast<std::int64_t>(bytes)};
}

// The spool's folder, which is made and taken when something is to lie there: most never need one, and a
// process with a thousand archives has no descriptor to spare for each.
class FolderTakenOnUse final : public ObjectStore {
 public:
  explicit FolderTakenOnUse(const std::string& path) : folder_(path) {
    if (fs::exists(path)) take();
  }
  bool is_taken() const { return hold_ != nullptr; }

  std::string describe() const override { return folder_.describe(); }
  std::vector<ObjectInfo> list(std::string_view prefix) const override { return folder_.list(prefix); }
  std::unique_ptr<ObjectReader> open(std::string_view name) const override { return folder_.open(name); }
  void remove(std::string_view name) override { folder_.remove(name); }
  std::unique_ptr<Hold> try_hold() override { return folder_.try_hold(); }
  std::unique_ptr<ObjectWriter> create(std::string_view name) override {
    take();
    return folder_.create(name);
  }
  void replace(std::string_view name, Bytes content) override {
    take();
    folder_.replace(name, content);
  }

 private:
  void take() {
    const std::lock_guard lock(mutex_);
    if (!hold_) hold_ = folder_.try_hold();
    if (!hold_) throw Error(ErrorCode::kLocked, describe() + ": another process uses this spool");
  }

  DirectoryStore folder_;
  std::mutex mutex_;
  std::unique_ptr<Hold> hold_;
};

}  // namespace

std::string ArchiveSpool::folder(const std::string& state_folder, const std::string& place,
                                 const std::string& id) {
  return fmt::format("{}/spool/{}-{}", state_folder, place_key(place), id);
}

ArchiveSpool::ArchiveSpool(ObjectStore& far, Ownership& ownership, const ArchiveIdentity& identity,
                           const Clock& clock, ArchiveSpoolOptions options,
                           std::function<void(const Finding&)> found)
    : far_(far), clock_(clock), options_(std::move(options)), found_(std::move(found)) {
  near_ = open_near(far.describe(), identity.id);
  SpoolOptions spooling;
  spooling.limit_bytes = options_.limit_bytes;
  spooling.patience = options_.patience;
  spooling.near_has_room = [folder = options_.state_folder](std::uint64_t bytes) {
    return disk_space(folder).has_room_for(bytes);
  };
  spooling.before_put = [this, &ownership, id = identity.id] { ownership.require_held(far_, id); };
  store_ = std::make_unique<SpoolingStore>(far, *near_, std::move(spooling),
                                           [this](const SpoolStatus& status) { report(status); });
  drop_what_does_not_follow();
  store_->start();
}

ArchiveSpool::~ArchiveSpool() {
  store_.reset();
  try {
    if (!may_be_removed_ || !fs::exists(folder_) || !near_->list("").empty()) return;
    std::error_code ignored;  // a folder that stays is found again
    fs::remove_all(folder_, ignored);
  } catch (const Error&) {
    // It can't be read: it stays.
  }
}

// Without a spool the archive is followed all the same.
std::unique_ptr<ObjectStore> ArchiveSpool::open_near(const std::string& place, const std::string& id) {
  folder_ = folder(options_.state_folder, place, id);
  const std::string& path = folder_;
  try {
    const std::string all = fs::path(path).parent_path().string();
    if (::access(all.c_str(), F_OK) != 0 && ::mkdir(all.c_str(), 0700) != 0 && errno != EEXIST)
      throw error_from_errno(errno, "make " + all);
    if (::access(all.c_str(), W_OK | X_OK) != 0) throw error_from_errno(errno, "write to " + all);
    auto near = std::make_unique<FolderTakenOnUse>(path);
    drop_spools_of_others(path);
    may_be_removed_ = true;
    return near;
  } catch (const Error& error) {
    options_.limit_bytes = 0;
    found_({.id = "spool.unavailable",
            .severity = Severity::kWarning,
            .database = options_.database,
            .object = path,
            .meaning = fmt::format("there is no spool ({}): when the archive takes nothing, the WAL grows",
                                   error.what()),
            .remedy = "ls -ld " + shell_quoted(options_.state_folder)});
    return std::make_unique<MemoryStore>();
  }
}

// Left by an archive that was at this place once and is there no more.
void ArchiveSpool::drop_spools_of_others(const std::string& folder) {
  const fs::path own(folder);
  const std::string prefix = own.filename().string().substr(0, place_key("").size() + 1);
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(own.parent_path(), failure)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix) || name == own.filename()) continue;
    const std::size_t objects = DirectoryStore(entry.path().string()).list("").size();
    fs::remove_all(entry.path(), failure);
    if (objects == 0) continue;
    found_({.id = "spool.dropped",
            .severity = Severity::kWarning,
            .database = options_.database,
            .object = entry.path().string(),
            .figures = {{"objects", static_cast<std::int64_t>(objects)}},
            .meaning = "the archive for which these segments were kept is there no more: they were dropped",
            .remedy = ""});
  }
}

// A segment goes on where the archive ends, or it is none of this line any more: the archive went on without
// it, or was put back to an older state. That numbers fit is no proof: an owner that came later (its fence is
// larger) gave the same ones to other commits.
void ArchiveSpool::drop_what_does_not_follow() {
  const std::vector<ObjectInfo> waiting = store_->waiting();
  if (waiting.empty()) return;
  const Catalogue archive = Catalogue::load(far_), spooled = Catalogue::load(*near_);
  const auto line = archive.line();
  const Txid archived = line.empty() ? Txid(0) : line.back()->last.txid;
  const std::uint64_t fence = line.empty() ? 0 : line.back()->header.fence;
  Txid end = archived;
  std::int64_t dropped = 0;
  Txid first_dropped, last_dropped;
  for (const ObjectInfo& object : waiting) {
    const auto entry = std::ranges::find(spooled.segments, object.name, &SegmentEntry::name);
    const bool whole = entry != spooled.segments.end();
    if (whole && entry->header.base == end && entry->header.fence >= fence) {
      end = entry->last.txid;
      continue;
    }
    // Killed between the put and the removal here: it is there, nothing is lost.
    const auto there = std::ranges::find(archive.segments, object.name, &SegmentEntry::name);
    const bool arrived = whole && there != archive.segments.end() &&
                         there->last.checksum == entry->last.checksum &&
                         there->last.seen_at == entry->last.seen_at;
    store_->discard(object.name);
    if (arrived) continue;
    const auto range = parse_segment_name(object.name).value_or(std::pair(archived, archived.next()));
    if (dropped++ == 0) first_dropped = range.first.next();
    last_dropped = range.second;
  }
  if (dropped == 0) return;
  found_({.id = "spool.dropped",
          .severity = Severity::kWarning,
          .database = options_.database,
          .object = far_.describe(),
          .figures = {{"objects", dropped},
                      {"first", static_cast<std::int64_t>(first_dropped.value)},
                      {"last", static_cast<std::int64_t>(last_dropped.value)},
                      {"archived", static_cast<std::int64_t>(archived.value)}},
          .meaning = "commits that waited in the spool do not go on from the archive's newest one: they were "
                     "dropped, what they changed becomes part of one reconciled commit",
          .remedy = "litewright log " + shell_quoted(options_.database)});
}

Finding unwritable_finding(const SpoolStatus& status, const std::string& database, const std::string& place) {
  Finding finding{.id = "archive.unwritable", .database = database, .object = place};
  finding.figures = {{"waiting_objects", static_cast<std::int64_t>(status.waiting_objects)},
                     bytes_figure("waiting_bytes", status.waiting_bytes),
                     bytes_figure("spool_limit_bytes", status.limit_bytes)};
  if (!status.trouble) {
    finding.severity = Severity::kOk;
    finding.meaning = "the archive takes commits again, and has all that were kept for it";
  } else if (status.lost) {
    finding.severity = Severity::kCritical;
    finding.meaning = fmt::format("the archive is another archiver's now: {}", status.trouble->what());
    finding.remedy = "litewright log " + shell_quoted(database);
  } else {
    const bool kept = status.limit_bytes > 0 && !status.full;
    finding.severity = kept ? Severity::kWarning : Severity::kCritical;
    finding.meaning = fmt::format("the archive takes nothing: {}; new commits {}", status.trouble->what(),
                                  kept ? "are kept in the spool, and are not archived yet"
                                       : "stay in the WAL, which grows up to --wal-ceiling");
    finding.remedy = (status.trouble->code() == ErrorCode::kIo ? "df -h " : "ls -ld ") + shell_quoted(place);
  }
  return finding;
}

nlohmann::json spool_status_json(const SpoolStatus& status) {
  return {{"spooled_objects", status.waiting_objects},
          {"spooled_bytes", status.waiting_bytes},
          {"spool_limit_bytes", status.limit_bytes},
          {"spool_full", status.full},
          {"spool_lost", status.lost},
          {"trouble", status.trouble ? status.trouble->what() : ""},
          {"trouble_status", status.trouble ? status.trouble->exit_status() : 0}};
}

SpoolStatus spool_status_of(const nlohmann::json& json) {
  SpoolStatus status{.trouble = std::nullopt,
                     .waiting_objects = json.value("spooled_objects", std::size_t{0}),
                     .waiting_bytes = json.value("spooled_bytes", std::uint64_t{0}),
                     .limit_bytes = json.value("spool_limit_bytes", std::uint64_t{0}),
                     .full = json.value("spool_full", false),
                     .lost = json.value("spool_lost", false)};
  const std::string trouble = json.value("trouble", "");
  if (!trouble.empty())
    status.trouble.emplace(static_cast<ErrorCode>(json.value("trouble_status", 0)), trouble);
  return status;
}

// At every failed put: said when it is news, and again once a minute as long as it lasts.
void ArchiveSpool::report(const SpoolStatus& status) {
  const Finding finding = unwritable_finding(status, options_.database, far_.describe());
  // Not by the words: they name an object, and the next one fails in the same way.
  const SteadyTime now = clock_.steady();
  const int code = status.trouble ? status.trouble->exit_status() : 0;
  const bool same = finding.severity == reported_ && code == reported_code_;
  if (same && now - reported_at_ < kSayAgain) return;
  reported_ = finding.severity;
  reported_code_ = code;
  reported_at_ = now;
  found_(finding);
}

}  // namespace litewright
