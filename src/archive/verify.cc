#include "archive/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "archive/chain_proof.h"
#include "archive/companions.h"
#include "archive/cover.h"
#include "archive/documents.h"
#include "archive/owner.h"
#include "archive/restorable.h"
#include "archive/restore_plan.h"
#include "base/error.h"

namespace litewright {

namespace {

// Bytes gone through, from several threads: each object is read once for its checksum and once page by page.
class ByteMeter {
 public:
  ByteMeter(const VerifyOptions& options, std::uint64_t all) : report_(options.progress), all_(all) {}
  void add(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    done_ = std::min(all_, done_ + bytes);
    if (report_) report_(done_, all_);
  }
  void finish() { add(all_); }

 private:
  const std::function<void(std::uint64_t, std::uint64_t)>& report_;
  std::uint64_t all_;
  std::uint64_t done_ = 0;
  std::mutex mutex_;
};

// What is wrong with a segment, in the order found.
using Faults = std::map<std::string, std::string>;

// The bytes of every object, several at once.
class ByteCheck {
 public:
  ByteCheck(const ObjectStore& store, const Catalogue& catalogue, const std::set<std::string>& whole,
            VerifyRecord& record, ByteMeter& meter)
      : store_(store), catalogue_(catalogue), whole_(whole), record_(record), meter_(meter) {}

  // Adds the versions of the sound ones to the report.
  Faults run(int threads, VerifyReport& report) {
    std::vector<std::jthread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back([this] { work(); });
    work();
    others.clear();
    if (failure_) std::rethrow_exception(failure_);
    report.page_versions = versions_;
    return std::move(faults_);
  }

 private:
  void work() {
    const auto& segments = catalogue_.segments;
    for (std::size_t i = next_++; i < segments.size() && !failed_; i = next_++) {
      try {
        check(segments[i]);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
        failed_ = true;
      }
    }
  }

  void check(const SegmentEntry& entry) {
    const bool whole = whole_.contains(entry.name);
    const bool done = whole && record_.checked(entry.name);
    if (done) meter_.add(entry.size);
    try {
      const Segment segment(store_, entry.name);
      if (whole && !done) segment.verify_bytes([this](std::uint64_t bytes) { meter_.add(bytes); });
      if (!whole) read_indexes(segment);
      for (const RunInfo& run : segment.runs()) versions_ += run.versions;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDamaged) throw;
      const std::lock_guard lock(mutex_);
      faults_[entry.name] = error.what();
    }
    if (whole && !done) note_checked(entry);
  }

  // Commits, frame tables, page numbers and checksums: each has a checksum of its own.
  static void read_indexes(const Segment& segment) {
    segment.commits();
    for (std::size_t run = 0; run < segment.runs().size(); ++run) {
      segment.page_checksums(run, [](PageNumber, const Checksum128&) {});
    }
  }

  void note_checked(const SegmentEntry& entry) {
    {
      const std::lock_guard lock(mutex_);
      const auto fault = faults_.find(entry.name);
      if (fault != faults_.end()) record_.add_fault(entry.name, fault->second);
    }
    record_.add_checked(entry.name);
    record_.save_sometimes();
  }

  const ObjectStore& store_;
  const Catalogue& catalogue_;
  const std::set<std::string>& whole_;
  VerifyRecord& record_;
  ByteMeter& meter_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<bool> failed_ = false;
  std::atomic<std::uint64_t> versions_ = 0;
  std::mutex mutex_;
  std::exception_ptr failure_;
  Faults faults_;
};

// Proves all segments by as few chains as cover them. One that turns out damaged is left out from then on.
class ChainCheck {
 public:
  ChainCheck(const ObjectStore& store, std::vector<SegmentEntry> sound, const VerifyOptions& options,
             VerifyRecord& record, ByteMeter& meter)
      : store_(store), sound_(std::move(sound)), record_(record) {
    for (const SegmentEntry& entry : sound_) {
      footers_.emplace(entry.first.txid, std::pair(entry.name, entry.first));
      footers_.emplace(entry.last.txid, std::pair(entry.name, entry.last));
    }
    options_.threads = options.threads;
    options_.scratch_folder = options.scratch_folder.empty() ? std::filesystem::temp_directory_path().string()
                                                             : options.scratch_folder;
    options_.progress = [&meter](std::uint64_t bytes) { meter.add(bytes); };
    options_.proven = [this](const CommitRecord& commit) { compare_with_footers(commit); };
  }

  // Adds to `faults`; the segments that stay are sound and, where a chain leads to them, proven.
  std::vector<SegmentEntry> run(Faults& faults) {
    // Each turn settles at least one segment.
    std::vector<bool> settled(sound_.size());
    for (std::size_t i = 0; i < sound_.size(); ++i) settled[i] = record_.proven(sound_[i].name);
    while (true) {
      const auto open = std::ranges::find(settled, false);
      if (open == settled.end()) break;
      const auto index = static_cast<std::size_t>(open - settled.begin());
      const SegmentChain chain = chain_through(index, settled);
      if (chain.segments.empty()) {
        settled[index] = true;  // nothing leads to it: what that loses is told elsewhere
        continue;
      }
      const auto fault = prove(chain);
      if (!fault && disagreeing_.empty()) {
        for (const SegmentEntry* entry : chain.segments) settled[index_of(*entry)] = true;
        record_.add_proven(names_of(chain, chain.segments.size()));
        continue;
      }
      if (fault) disagreeing_.emplace(fault->object, fault->what);
      note_disagreeing();
      faults.merge(disagreeing_);
      disagreeing_.clear();
      drop(faults, settled);
    }
    return std::move(sound_);
  }

 private:
  std::size_t index_of(const SegmentEntry& entry) const {
    return static_cast<std::size_t>(&entry - sound_.data());
  }

  static std::vector<std::string> names_of(const SegmentChain& chain, std::size_t count) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i) names.push_back(chain.segments[i]->name);
    return names;
  }

  void note_disagreeing() {
    for (const auto& [object, what] : disagreeing_) record_.add_fault(object, what);
  }

  // Goes on behind what an earlier run proved of the same chain.
  std::optional<ChainFault> prove(const SegmentChain& chain) {
    const std::vector<std::string> before = record_.chain();
    const bool same = before.size() <= chain.segments.size() && before == names_of(chain, before.size());
    std::size_t proven = same ? before.size() : 0;
    while (proven < chain.segments.size() && record_.proven(chain.segments[proven]->name)) ++proven;
    options_.proven_before = proven;
    options_.stretch_done = [&](std::size_t segments) {
      note_disagreeing();
      record_.set_chain(names_of(chain, segments));
      record_.save_sometimes();
    };
    return prove_chain(store_, chain, options_);
  }

  // From a snapshot to the segment at `index`, and on as far as unsettled segments lead.
  SegmentChain chain_through(std::size_t index, const std::vector<bool>& settled) const {
    const SegmentEntry& wanted = sound_[index];
    SegmentChain chain;
    if (wanted.is_snapshot()) {
      chain = {{&wanted}, wanted.last.txid};
    } else {
      chain = shortest_chain_to(wanted);
      if (chain.segments.empty()) return chain;
      chain.segments.push_back(&wanted);
      chain.reach = wanted.last.txid;
    }
    while (const SegmentEntry* next = next_unsettled(chain, settled)) {
      chain.segments.push_back(next);
      chain.reach = next->last.txid;
    }
    return chain;
  }

  SegmentChain shortest_chain_to(const SegmentEntry& wanted) const {
    SegmentChain best;
    for (const SegmentEntry& snapshot : sound_) {
      const Txid base = wanted.header.base;
      if (!snapshot.is_snapshot() || snapshot.first.txid > base) continue;
      if (snapshot.header.page_size != wanted.header.page_size) continue;
      SegmentChain chain = follow_chain(sound_, snapshot, base);
      const bool shorter = best.segments.empty() || chain.segments.size() < best.segments.size();
      if (chain.reach == base && shorter) best = std::move(chain);
    }
    return best;
  }

  // Where several lead on, the one that begins latest, of those the widest: looked for from behind, where in
  // a long line it stands.
  const SegmentEntry* next_unsettled(const SegmentChain& chain, const std::vector<bool>& settled) const {
    const auto base = [](const SegmentEntry& entry) { return entry.header.base; };
    auto behind = std::ranges::upper_bound(sound_, chain.reach, {}, base);
    while (behind != sound_.begin()) {
      const SegmentEntry& entry = *--behind;
      if (entry.thinned() && entry.header.base != chain.reach) continue;
      const bool leads_on = !settled[index_of(entry)] && !entry.is_snapshot() &&
                            entry.last.txid > chain.reach &&
                            entry.header.page_size == chain.segments.front()->header.page_size;
      if (leads_on) return &entry;
    }
    return nullptr;
  }

  // The same commit in another segment must be the same state.
  void compare_with_footers(const CommitRecord& commit) {
    const auto [begin, end] = footers_.equal_range(commit.txid);
    for (auto footer = begin; footer != end; ++footer) {
      const auto& [name, other] = footer->second;
      if (other.checksum == commit.checksum && other.page_count == commit.page_count) continue;
      disagreeing_.emplace(
          name, fmt::format("its commit {} is not the state that other segments give", commit.txid.value));
    }
  }

  void drop(const Faults& faults, std::vector<bool>& settled) {
    std::vector<SegmentEntry> kept;
    std::vector<bool> kept_settled;
    for (std::size_t i = 0; i < sound_.size(); ++i) {
      if (faults.contains(sound_[i].name)) continue;
      kept.push_back(std::move(sound_[i]));
      kept_settled.push_back(settled[i]);
    }
    sound_ = std::move(kept);
    settled = std::move(kept_settled);
  }

  const ObjectStore& store_;
  std::vector<SegmentEntry> sound_;
  VerifyRecord& record_;
  ChainProofOptions options_;
  std::multimap<Txid, std::pair<std::string, CommitRecord>> footers_;
  Faults disagreeing_;
};

// Puts names to the commits that can't be restored.
class LossReport {
 public:
  LossReport(const Catalogue& catalogue, const std::vector<SegmentEntry>& sound, VerifyReport& report)
      : report_(report), restorable_(restorable_commits(sound)), lost_(lost_commits(catalogue, restorable_)) {
    for (const BadObject& object : catalogue.bad_objects) {
      if (const auto range = range_by_name(object.name)) unreadable_.push_back(*range);
    }
    unreadable_ = joined(std::move(unreadable_));
    Catalogue left;
    left.segments = sound;
    for (const SegmentEntry* entry : left.line()) {
      if (!entry->thinned()) continue;
      thinned_ += entry->last.txid.value - entry->start().value - entry->commits;
      if (entry->last.retired) ++thinned_;
    }
  }

  void add(const std::string& object, const std::string& what, std::optional<CommitRange> held) {
    const std::string prefix = object + ": ";
    VerifyDamage damage{object, what.starts_with(prefix) ? what.substr(prefix.size()) : what, Txid(0),
                        Txid(0)};
    for (const CommitRange& lost : held ? lost_ : std::vector<CommitRange>()) {
      if (lost.last < held->first || lost.first > held->last) continue;
      // All that builds on it, up to the next snapshot, is lost with it.
      if (damage.first_lost.value == 0) damage.first_lost = std::max(lost.first, held->first);
      damage.last_lost = lost.last;
      told_.push_back(lost);
    }
    report_.damage.push_back(std::move(damage));
  }

  void add_missing(const std::vector<MissingRange>& missing) {
    for (const MissingRange& range : missing) {
      // Objects that are there but can't be read have been named.
      for (const CommitRange& hole : without({range.base.next(), range.last}, unreadable_)) {
        const Txid base(hole.first.value - 1);
        report_.missing.push_back({base, hole.last});
        add(segment_name(base, hole.last), "missing: no object holds its commits", hole);
      }
    }
  }

  // Commits whose objects are sound, but that nothing leads to.
  void add_unreachable(const std::vector<SegmentEntry>& sound) {
    for (const CommitRange& rest : lost_) {
      const auto is_told = [&](const CommitRange& told) { return told.first == rest.first; };
      if (std::ranges::any_of(told_, is_told)) continue;
      const auto holder =
          std::ranges::find_if(sound, [&](const SegmentEntry& e) { return e.spans(rest.first); });
      add(holder == sound.end() ? segment_name(Txid(rest.first.value - 1), rest.last) : holder->name,
          "sound, but the snapshot it builds on is gone", rest);
    }
  }

  void add_points(const std::vector<NamedPoint>& points) {
    for (const NamedPoint& point : points) {
      const auto holds = [&](const CommitRange& range) { return range.holds(point.txid); };
      if (std::ranges::any_of(restorable_, holds)) continue;
      report_.damage.push_back({point_object(point.name),
                                fmt::format("names commit {}, which can't be restored", point.txid.value),
                                point.txid, point.txid});
    }
  }

  std::uint64_t restorable() const {
    std::uint64_t commits = 0;
    for (const CommitRange& range : restorable_) commits += range.last.value - range.first.value + 1;
    return commits - std::min(commits, thinned_);
  }

 private:
  VerifyReport& report_;
  std::vector<CommitRange> restorable_, lost_, unreadable_, told_;
  std::uint64_t thinned_ = 0;  // of the commits in restorable_ retention let go so many
};

// Proofs whose commit's checksum is another one than the archive says now: one of the two was replaced.
void compare_proofs(const Catalogue& catalogue, LossReport& losses) {
  for (const RestoreProof& proof : catalogue.proofs) {
    for (const SegmentEntry& entry : catalogue.segments) {
      if (entry.last.txid != proof.txid || entry.last.checksum == proof.checksum) continue;
      losses.add(proof_object(proof),
                 fmt::format("proves another state of commit {} than {} holds", proof.txid.value, entry.name),
                 std::nullopt);
      break;
    }
  }
}

struct Soundness {
  Faults faults;
  std::vector<SegmentEntry> sound;
};

Soundness check_segments(const ObjectStore& store, const Catalogue& catalogue, const VerifyOptions& options,
                         VerifyRecord& record, VerifyReport& report) {
  const DataSubset::Choice whole = options.subset.choose(catalogue, record.rotation());
  record.set_rotation(whole.next);
  report.data_objects = whole.objects.size();
  report.data_bytes = whole.bytes;
  for (const SegmentEntry& entry : catalogue.segments) {
    if (!whole.objects.contains(entry.name) || !record.trusted(entry.name)) continue;
    ++report.trusted_objects;
    --report.data_objects;
    report.data_bytes -= entry.size;
  }
  ByteMeter meter(options, options.subset.everything() ? report.bytes * 2 : whole.bytes);
  Soundness result;
  result.faults = ByteCheck(store, catalogue, whole.objects, record, meter).run(options.threads, report);
  result.faults.merge(record.faults());
  for (const SegmentEntry& entry : catalogue.segments) {
    if (!result.faults.contains(entry.name)) result.sound.push_back(entry);
  }
  if (options.subset.everything()) {
    result.sound = ChainCheck(store, std::move(result.sound), options, record, meter).run(result.faults);
  }
  meter.finish();
  return result;
}

VerifyReport verify_catalogue(const ObjectStore& store, const Catalogue& catalogue,
                              const VerifyOptions& options) {
  const SystemClock clock;
  VerifyRecord none("", clock);
  VerifyRecord& record = options.record != nullptr ? *options.record : none;
  VerifyReport report;
  for (const SegmentEntry& entry : catalogue.segments) report.bytes += entry.size;
  report.objects = catalogue.segments.size() + catalogue.points.size() + catalogue.proofs.size() +
                   catalogue.bad_objects.size() + catalogue.retired_segments.size() +
                   (catalogue.identity ? 1 : 0) + (catalogue.retired_before.value > 0 ? 1 : 0);
  record.begin(catalogue.identity ? catalogue.identity->id : store.describe(), options.subset.text(),
               options.begin, options.trust);
  report.resumed_from = record.resumed_from();
  Soundness checked;
  try {
    checked = check_segments(store, catalogue, options, record, report);
  } catch (...) {
    record.save();
    throw;
  }
  std::vector<std::string> sound_names;
  for (const SegmentEntry& entry : checked.sound) sound_names.push_back(entry.name);
  record.finish(sound_names);
  const Faults& faults = checked.faults;
  const std::vector<SegmentEntry>& sound = checked.sound;

  LossReport losses(catalogue, sound, report);
  for (const BadObject& object : catalogue.bad_objects) {
    losses.add(object.name, object.reason, range_by_name(object.name));
  }
  for (const SegmentEntry& entry : catalogue.segments) {
    const auto fault = faults.find(entry.name);
    if (fault == faults.end()) continue;
    losses.add(entry.name, fault->second, CommitRange{entry.start().next(), entry.last.txid});
  }
  losses.add_missing(catalogue.missing());
  losses.add_unreachable(sound);
  losses.add_points(catalogue.points);
  report.objects += verify_companions(store, catalogue.points, [&losses](const BadObject& bad) {
    losses.add(bad.name, bad.reason, std::nullopt);
  });
  try {
    if (read_owner(store)) report.objects++;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
    losses.add(std::string(kOwnerObject), error.what(), std::nullopt);
  }
  compare_proofs(catalogue, losses);
  const bool identity_bad = std::ranges::any_of(
      catalogue.bad_objects, [](const BadObject& object) { return object.name == kIdentityObject; });
  if (!catalogue.identity && !identity_bad && report.objects > 0) {
    losses.add(std::string(kIdentityObject), "missing", std::nullopt);
  }
  report.commits = losses.restorable();
  return report;
}

}  // namespace

// What retention replaces while it is read is gone, not damaged: then the rest is verified as it is by now.
VerifyReport verify_archive(const ObjectStore& store, const VerifyOptions& options) {
  Catalogue catalogue = Catalogue::load(store);
  VerifyOptions again = options;
  for (int reloads = 0;; ++reloads) {
    try {
      return verify_catalogue(store, catalogue, again);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNoDatabase || reloads == kMostReloads) throw;
      if (!reload_if_changed(store, catalogue, reloads)) throw;
      again.begin = VerifyRecord::Begin::kResume;
    }
  }
}

}  // namespace litewright
