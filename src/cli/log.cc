// litewright log: an archive's timeline.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "archive/catalogue.h"
#include "archive/companions.h"
#include "archive/restorable.h"
#include "archive/restore_estimate.h"
#include "archive/restore_plan.h"
#include "base/error.h"
#include "base/finding.h"
#include "base/host_name.h"
#include "base/shell_words.h"
#include "base/time_text.h"
#include "cli/archive_place.h"
#include "cli/commands.h"
#include "cli/plain_copies.h"

namespace litewright {
namespace {

constexpr std::uint64_t kShownCommits = 20;

struct TimelineRow {
  CommitRecord commit;
  std::uint32_t epoch = 1;
  std::uint32_t parent_epoch = 0;  // in an epoch's first commit
  std::uint32_t page_size = 0;
  std::vector<std::string> names = {};
  std::vector<const Companion*> files = {};  // kept with the points of those names
  const RestoreProof* proof = nullptr;       // the latest of this commit
  std::optional<std::chrono::duration<double>> restore_time = {};
};

// Goes through an archive's commits, the oldest first, one segment's in memory at a time. Without `all` only
// the last few commits, the named ones and the newest proven one; the segments in between are not read. What
// retention replaces meanwhile is read from what took its place.
class Timeline {
 public:
  Timeline(const ObjectStore& store, const Catalogue& catalogue, bool all)
      : store_(store),
        now_(catalogue),
        line_(now_.line()),
        estimate_(catalogue, host_name()),
        companions_(list_companions(store, catalogue.points)) {
    damaged_ = companions_.bad_objects;
    for (const NamedPoint& point : catalogue.points) names_.emplace(point.txid, point.name);
    for (const RestoreProof& proof : catalogue.proofs) proofs_[proof.txid] = &proof;
    shown_from_ = all ? Txid(0) : last_commits();
    for (const NamedPoint& point : catalogue.points) wanted_.insert(point.txid);
    if (const RestoreProof* proof = catalogue.newest_proof()) wanted_.insert(proof->txid);
  }

  void visit(const std::function<void(const TimelineRow&)>& each) {
    Txid shown(0);  // commits that an earlier segment of the line has too are not shown twice
    while (!visit_line(shown, each)) {
    }
  }

  // Objects whose commits could not be read on the way.
  const std::vector<BadObject>& damaged() const { return damaged_; }
  const RestoreEstimate& estimate() const { return estimate_; }

 private:
  // False: the line is another one by now.
  bool visit_line(Txid& shown, const std::function<void(const TimelineRow&)>& each) {
    for (const SegmentEntry* entry : line_) {
      const auto wanted = wanted_.upper_bound(std::max(shown, entry->start()));
      const bool any = entry->last.txid >= shown_from_ || (wanted != wanted_.end() && entry->spans(*wanted));
      if (!any || entry->last.txid <= shown) continue;
      const auto commits = commits_of(*entry);
      if (!commits) return false;
      for (const CommitRecord& commit : *commits) {
        if (commit.txid <= shown || commit.retired) continue;
        shown = commit.txid;
        if (commit.txid >= shown_from_ || wanted_.contains(commit.txid)) each(row(commit, *entry));
      }
    }
    return true;
  }

  Txid last_commits() {
    std::optional<Txid> from;
    while (!from) from = nth_from_end(kShownCommits);
    return *from;
  }

  // Nothing: the line is another one by now.
  std::optional<Txid> nth_from_end(std::uint64_t left) {
    for (auto entry = line_.rbegin(); entry != line_.rend(); ++entry) {
      const Txid before = entry + 1 == line_.rend() ? Txid(0) : (*(entry + 1))->last.txid;
      const Txid start = std::max((*entry)->start(), before);
      const std::uint64_t commits = std::min((*entry)->commits, (*entry)->last.txid.value - start.value);
      if (commits >= left) return nth_from_end(**entry, left);
      left -= commits;
    }
    return Txid(0);
  }

  std::optional<Txid> nth_from_end(const SegmentEntry& entry, std::uint64_t nth) {
    if (!entry.thinned()) return Txid(entry.last.txid.value - nth + 1);
    const Txid start = entry.start();
    const auto commits = commits_of(entry);
    if (!commits) return std::nullopt;
    return commits->size() < nth ? start : (*commits)[commits->size() - nth].txid;
  }

  // Nothing: it is gone, the line is another one by now, and `entry` no more.
  std::optional<std::vector<CommitRecord>> commits_of(const SegmentEntry& entry) {
    try {
      return Segment(store_, entry.name).commits();
    } catch (const Error& error) {
      const bool gone = error.code() == ErrorCode::kNoDatabase;
      const int reloads = gone ? reloads_++ : kMostReloads;
      if (reloads < kMostReloads && reload_if_changed(store_, now_, reloads)) {
        line_ = now_.line();
        return std::nullopt;
      }
      if (!gone && error.code() != ErrorCode::kDamaged) throw;
      damaged_.push_back({entry.name, error.what()});
      return std::vector<CommitRecord>();
    }
  }

  TimelineRow row(const CommitRecord& commit, const SegmentEntry& entry) const {
    TimelineRow row{.commit = commit,
                    .epoch = entry.header.epoch,
                    .parent_epoch = commit.txid == entry.first.txid ? entry.header.parent_epoch : 0,
                    .page_size = entry.header.page_size};
    for (auto [name, end] = names_.equal_range(commit.txid); name != end; ++name)
      row.names.push_back(name->second);
    for (const CompanionSet& set : companions_.sets) {
      if (std::ranges::find(row.names, set.point) == row.names.end()) continue;
      for (const Companion& file : set.files) row.files.push_back(&file);
    }
    const auto proof = proofs_.find(commit.txid);
    if (proof != proofs_.end()) row.proof = proof->second;
    row.restore_time = estimate_.of_commit(commit, row.page_size);
    return row;
  }

  const ObjectStore& store_;
  Catalogue now_;
  std::vector<const SegmentEntry*> line_;  // of it
  int reloads_ = 0;
  RestoreEstimate estimate_;
  CompanionListing companions_;
  std::multimap<Txid, std::string> names_;
  std::map<Txid, const RestoreProof*> proofs_;  // the latest of each commit
  std::set<Txid> wanted_;
  Txid shown_from_;
  std::vector<BadObject> damaged_;
};

std::string shown(std::chrono::duration<double> time) {
  return format_duration(std::chrono::duration_cast<std::chrono::nanoseconds>(time));
}

nlohmann::ordered_json row_document(const TimelineRow& row) {
  nlohmann::ordered_json document = {
      {"txid", row.commit.txid.value},      {"time", format_utc_time(row.commit.seen_at)},
      {"pages", row.commit.page_count},     {"checksum", row.commit.checksum.hex()},
      {"page_size", row.page_size},         {"epoch", row.epoch},
      {"reconciled", row.commit.reconciled}};
  if (row.commit.reconciled) document["gap_since"] = format_utc_time(row.commit.gap_since);
  if (row.parent_epoch != 0) document["parent_epoch"] = row.parent_epoch;
  if (!row.names.empty()) document["names"] = row.names;
  for (const Companion* file : row.files)
    document["files"].push_back({{"path", file->path}, {"bytes", file->bytes}});
  if (row.restore_time) document["restore_seconds"] = row.restore_time->count();
  return document;
}

nlohmann::ordered_json proof_json(const RestoreProof& proof) {
  return {{"txid", proof.txid.value},
          {"time", format_utc_time(proof.proven_at)},
          {"checksum", proof.checksum.hex()},
          {"restore_seconds", proof.restore_time.count()},
          {"bytes", proof.bytes},
          {"bytes_read", proof.bytes_read},
          {"checks", proof.checks},
          {"host", proof.host}};
}

std::string remark(const TimelineRow& row) {
  std::string text;
  for (const std::string& name : row.names) text += (text.empty() ? "" : ", ") + name;
  if (!row.files.empty()) text += fmt::format(" with {} files", row.files.size());
  const auto remark = [&text](const std::string& more) { text += (text.empty() ? "" : "; ") + more; };
  if (row.commit.reconciled) {
    remark(fmt::format("gap, reconciled: not followed from {} to {}", format_local_time(row.commit.gap_since),
                       format_local_time(row.commit.seen_at)));
  }
  if (row.proof != nullptr)
    remark(fmt::format("proven {} in {}", format_local_time(row.proof->proven_at),
                       shown(row.proof->restore_time)));
  if (row.parent_epoch != 0) remark(fmt::format("epoch {} forks from {}", row.epoch, row.parent_epoch));
  return text;
}

// As wide as its cells can be: rows are printed as they come.
class TimelineText {
 public:
  TimelineText(Output& output, const Catalogue& catalogue, bool estimates)
      : output_(output), estimates_(estimates) {
    const auto newest = catalogue.newest();
    width_ = std::max<std::size_t>(6, newest ? std::to_string(newest->txid.value).size() : 0);
    print("commit", "seen", "size", "epoch", "restore", "");
  }
  void add(const TimelineRow& row) {
    print(std::to_string(row.commit.txid.value),
          format_local_time(row.commit.seen_at, Precision::kMilliseconds),
          format_size(std::uint64_t{row.commit.page_count} * row.page_size), std::to_string(row.epoch),
          row.restore_time ? fmt::format("about {}", shown(*row.restore_time)) : "", remark(row));
  }

 private:
  void print(std::string_view commit, std::string_view seen, std::string_view size, std::string_view epoch,
             std::string_view restore, std::string_view rest) {
    std::string line = fmt::format("{:>{}}  {:<23}  {:>9}  {:<5}  ", commit, width_, seen, size, epoch);
    if (estimates_) line += fmt::format("{:<12}  ", restore);
    line += rest;
    line.erase(line.find_last_not_of(' ') + 1);
    output_.line(line);
  }

  Output& output_;
  bool estimates_;
  std::size_t width_;
};

std::string shown(Txid txid, const std::optional<WallTime>& seen) {
  return seen ? fmt::format("{} ({})", txid.value, format_local_time(*seen)) : fmt::format("{}", txid.value);
}

std::string shown(const CommitRange& range) {
  if (range.first == range.last) return fmt::format("commit {}", range.first.value);
  return fmt::format("commits {} to {}", range.first.value, range.last.value);
}

std::string stretch_text(const RestorableStretch& stretch) {
  const std::string first = shown(stretch.first, stretch.first_seen);
  const std::string last = shown(stretch.last, stretch.last_seen);
  if (stretch.points == 1) return fmt::format("commit {} can be restored", first);
  if (stretch.every) return fmt::format("every commit from {} to {} can be restored", first, last);
  // The last one left of the stretch is in an object's index alone.
  return fmt::format("thinned: {} restore points are left from {} {} {}", stretch.points, first,
                     stretch.last_seen ? "to" : "on, all before", last);
}

// What can be restored, and what can't: as of the objects' footers.
struct Summary {
  explicit Summary(const Catalogue& catalogue)
      : restorable(restorable_stretches(catalogue)),
        lost(lost_commits(catalogue, restorable_commits(catalogue.segments))) {}
  std::vector<RestorableStretch> restorable;
  std::vector<CommitRange> lost;
};

void print_summary(Output& output, const ArchivePlace& place, const Catalogue& catalogue,
                   const Summary& summary, const std::vector<BadObject>& damaged) {
  for (const RestorableStretch& stretch : summary.restorable) output.line(stretch_text(stretch));
  if (const RestoreProof* proof = catalogue.newest_proof()) {
    output.line(fmt::format("newest proof: commit {} was restored and checked {} in {}", proof->txid.value,
                            format_local_time(proof->proven_at), shown(proof->restore_time)));
  } else {
    output.line(
        fmt::format("no restore was proven yet: litewright verify {} --drill", shell_quoted(place.display)));
  }
  for (const MissingRange& gap : catalogue.missing()) {
    output.line(output.paint(Ink::kRed, "missing: ") + shown(CommitRange{gap.base.next(), gap.last}));
  }
  for (const CommitRange& lost : summary.lost) {
    output.line(output.paint(Ink::kRed, "lost: ") + shown(lost) + " can't be restored");
  }
  for (const auto& objects : {catalogue.bad_objects, damaged}) {
    for (const BadObject& bad : objects) {
      output.line(output.paint(Ink::kRed, "damaged: ") + bad.name + ": " + bad.reason);
    }
  }
  output.line(fmt::format("archive: {}, {} segments", place.store->describe(), catalogue.segments.size()));
}

nlohmann::ordered_json restorable_json(const Summary& summary) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const RestorableStretch& stretch : summary.restorable) {
    list.push_back({{"first", stretch.first.value},
                    {"last", stretch.last.value},
                    {"points", stretch.points},
                    {"every", stretch.every}});
  }
  return list;
}

int run_log(const Invocation& invocation) {
  if (const auto folder = named_folder(invocation)) return run_log_copies(invocation, *folder);
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMayBeMissing);
  require_archive(place);
  const Catalogue catalogue = Catalogue::load(*place.store);
  Timeline timeline(*place.store, catalogue, invocation.flag("all"));
  Output& output = invocation.session.output;
  TimelineText text(output, catalogue, timeline.estimate().known());
  DocumentStream document(output);
  document.add("archive", place.store->describe());
  document.add("id", catalogue.identity ? catalogue.identity->id : "");
  document.begin_list("commits");
  timeline.visit([&](const TimelineRow& row) {
    text.add(row);
    if (output.json()) document.item(row_document(row));
  });
  document.end_list();
  const Summary summary(catalogue);
  print_summary(output, place, catalogue, summary, timeline.damaged());
  nlohmann::ordered_json missing = nlohmann::ordered_json::array();
  for (const MissingRange& gap : catalogue.missing()) {
    missing.push_back({{"first", gap.base.value + 1}, {"last", gap.last.value}});
  }
  nlohmann::ordered_json lost = nlohmann::ordered_json::array();
  for (const CommitRange& range : summary.lost) {
    lost.push_back({{"first", range.first.value}, {"last", range.last.value}});
  }
  nlohmann::ordered_json proofs = nlohmann::ordered_json::array();
  for (const RestoreProof& proof : catalogue.proofs) proofs.push_back(proof_json(proof));
  std::uint64_t bytes = 0;
  for (const SegmentEntry& entry : catalogue.segments) bytes += entry.size;
  const std::size_t damaged = catalogue.bad_objects.size() + timeline.damaged().size();
  document.add("restorable", restorable_json(summary));
  document.add("missing", missing);
  document.add("lost", lost);
  document.add("damaged", damaged);
  document.add("segments", catalogue.segments.size());
  document.add("bytes", bytes);
  document.add("proofs", proofs);
  document.finish();
  if (!catalogue.missing().empty() || !summary.lost.empty()) return exit_status(Severity::kCritical);
  return exit_status(damaged == 0 ? Severity::kOk : Severity::kWarning);
}

}  // namespace

Command log_command() {
  return with_database(
      {.name = "log",
       .summary = "the timeline: which commits can be restored",
       .description =
           "The last commits, the points named by hand, proofs, gaps and damage. Each row's number is what "
           "litewright restore --tx takes. Once a restore was proven (litewright verify --drill), each row "
           "says "
           "about how long a restore of it would take. Of a folder: the plain copies in it, oldest first.",
       .options = {{.name = "all", .help = "every commit, not only the last 20"}},
       .examples = {{"litewright log app.db", "the last commits"},
                    {"litewright log app.db --all --json", "all of them, for a program"},
                    {"litewright log /backup", "the plain copies in a folder"}},
       .exit_statuses = {{1, "objects are damaged: verify tells what that costs"},
                         {2, "commits are missing or lost, or a plain copy is damaged"}},
       .run = run_log});
}

}  // namespace litewright
