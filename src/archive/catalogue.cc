#include "archive/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <span>
#include <thread>

#include "archive/cover.h"
#include "archive/documents.h"
#include "archive/state_witness.h"
#include "base/error.h"

namespace litewright {

namespace {

// Footers are small reads: over a network their latency counts, not the processor.
constexpr std::size_t kFooterThreads = 4;
constexpr std::size_t kFootersWorthAThread = 16;
constexpr std::size_t kFootersAtOnce = 4096;  // so many are in memory twice
constexpr int kListAttempts = 5;

SegmentEntry read_entry(const ObjectStore& store, const std::string& name) {
  const auto range = parse_segment_name(name);
  if (!range) throw Error(ErrorCode::kDamaged, name + ": not a segment's name");
  const Segment segment(store, name);
  SegmentEntry entry{.name = name,
                     .size = segment.size(),
                     .header = segment.header(),
                     .position = segment.position(),
                     .first = segment.first_commit(),
                     .last = segment.last_commit(),
                     .commits = segment.commit_count()};
  if (entry.header.base != range->first || entry.header.last != range->second ||
      entry.last.txid != range->second) {
    throw Error(ErrorCode::kDamaged,
                fmt::format("{}: holds commits up to {} after {}, which is not what its name says", name,
                            entry.last.txid.value, entry.header.base.value));
  }
  if (entry.first.txid <= entry.header.base || entry.first.txid > entry.last.txid) {
    throw Error(ErrorCode::kDamaged,
                fmt::format("{}: its first commit can't be {}", name, entry.first.txid.value));
  }
  return entry;
}

struct FooterResult {
  std::optional<SegmentEntry> entry;
  std::string reason;
  bool vanished = false;       // since it was listed
  std::exception_ptr failure;  // not the object's fault: the store's
};

FooterResult try_entry(const ObjectStore& store, const std::string& name) {
  FooterResult result;
  try {
    result.entry = read_entry(store, name);
  } catch (const Error& error) {
    result.reason = error.what();
    result.vanished = error.code() == ErrorCode::kNoDatabase;
    // What is wrong with neither the object nor its absence is the store's.
    if (error.code() != ErrorCode::kDamaged && error.code() != ErrorCode::kNoDatabase) {
      result.failure = std::current_exception();
    }
  } catch (...) {
    result.failure = std::current_exception();
  }
  return result;
}

std::vector<FooterResult> read_footers(const ObjectStore& store, std::span<const ObjectInfo> objects) {
  std::vector<FooterResult> results(objects.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < objects.size(); i = next++) {
      results[i] = try_entry(store, objects[i].name);
    }
  };
  std::vector<std::jthread> threads;
  const std::size_t count = std::min(kFooterThreads, 1 + objects.size() / kFootersWorthAThread);
  for (std::size_t i = 1; i < count; ++i) threads.emplace_back(work);
  work();
  threads.clear();
  return results;
}

void load_identity(const ObjectStore& store, Catalogue& catalogue) {
  const std::string object(kIdentityObject);
  try {
    catalogue.identity = parse_identity(read_object(store, object, kMaxDocumentBytes), object);
  } catch (const FutureFormat&) {
    throw;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNoDatabase) return;
    if (error.code() != ErrorCode::kDamaged) throw;
    catalogue.bad_objects.push_back({object, error.what()});
  }
}

void load_points(const ObjectStore& store, Catalogue& catalogue) {
  for (const ObjectInfo& object : store.list(kPointFolder)) {
    try {
      catalogue.points.push_back(
          parse_point(read_object(store, object.name, kMaxDocumentBytes), object.name));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDamaged && error.code() != ErrorCode::kNoDatabase) throw;
      catalogue.bad_objects.push_back({object.name, error.what()});
    }
  }
  std::ranges::sort(catalogue.points, {},
                    [](const NamedPoint& point) { return std::pair(point.txid, point.name); });
}

void load_proofs(const ObjectStore& store, Catalogue& catalogue) {
  for (const ObjectInfo& object : store.list(kProofFolder)) {
    try {
      catalogue.proofs.push_back(
          parse_proof(read_object(store, object.name, kMaxDocumentBytes), object.name));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDamaged && error.code() != ErrorCode::kNoDatabase) throw;
      catalogue.bad_objects.push_back({object.name, error.what()});
    }
  }
  std::ranges::sort(catalogue.proofs, {}, &RestoreProof::proven_at);
}

// What is of another line is left out like what can't be read: nothing of it is restored as if it were ours.
void leave_out_disputed(Catalogue& catalogue) {
  const std::vector<DisputedSegment> disputed = disputed_segments(catalogue.segments);
  if (disputed.empty()) return;
  for (const DisputedSegment& one : disputed)
    catalogue.bad_objects.push_back({catalogue.segments[one.index].name, one.reason});
  for (auto one = disputed.rbegin(); one != disputed.rend(); ++one)
    catalogue.segments.erase(catalogue.segments.begin() + static_cast<std::ptrdiff_t>(one->index));
}

void load_retired(const ObjectStore& store, Catalogue& catalogue) {
  const std::string object(kRetiredObject);
  try {
    const std::string id = catalogue.identity ? catalogue.identity->id : "";
    catalogue.retired_before = parse_retired(read_object(store, object, kMaxDocumentBytes), object, id);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNoDatabase) return;
    if (error.code() != ErrorCode::kDamaged) throw;
    catalogue.bad_objects.push_back({object, error.what()});
  }
}

// Sorts one listing's objects into the catalogue. False where one of them vanished meanwhile.
bool read_listed(const ObjectStore& store, std::span<const ObjectInfo> objects, Catalogue& catalogue) {
  bool complete = true;
  catalogue.segments.reserve(objects.size());
  for (std::size_t begin = 0; begin < objects.size(); begin += kFootersAtOnce) {
    const auto part = objects.subspan(begin, std::min<std::size_t>(kFootersAtOnce, objects.size() - begin));
    std::vector<FooterResult> results = read_footers(store, part);
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (results[i].failure) std::rethrow_exception(results[i].failure);
      complete = complete && !results[i].vanished;
      if (results[i].entry && results[i].entry->start().next() < catalogue.retired_before) {
        catalogue.retired_segments.push_back(part[i]);
      } else if (results[i].entry) {
        catalogue.segments.push_back(std::move(*results[i].entry));
      } else {
        catalogue.bad_objects.push_back({part[i].name, results[i].reason});
      }
    }
  }
  return complete;
}

void load_segments(const ObjectStore& store, Catalogue& catalogue) {
  const std::vector<BadObject> bad_before = catalogue.bad_objects;
  for (int attempt = 1;; ++attempt) {
    // What retention removes while it is read was replaced before: the list is read again.
    const std::vector<ObjectInfo> objects = store.list(kSegmentFolder);
    load_retired(store, catalogue);  // after the list: what is removed was retired before
    if (read_listed(store, objects, catalogue) || attempt == kListAttempts) break;
    catalogue.segments.clear();
    catalogue.retired_segments.clear();
    catalogue.bad_objects = bad_before;
  }
  std::ranges::sort(catalogue.segments, {}, [](const SegmentEntry& entry) {
    return std::pair(entry.header.base, entry.header.last);
  });
  leave_out_disputed(catalogue);
}

// Of two that end with the same commit any but an anchor beside the line; then the snapshot, which needs
// nothing; then the thinned one, which was made of the other.
// Where the line begins it is with a snapshot, of whatever kind.
bool leads_further(const SegmentEntry& entry, const SegmentEntry& best, bool beginning) {
  const auto is_anchor = [](const SegmentEntry& one) {
    return one.is_snapshot() && one.commits == 1 && one.last.retired;
  };
  if (entry.last.txid != best.last.txid) return entry.last.txid > best.last.txid;
  if (!beginning && is_anchor(entry) != is_anchor(best)) return is_anchor(best);
  if (entry.is_snapshot() != best.is_snapshot()) return entry.is_snapshot();
  if (entry.commits != best.commits) return entry.commits < best.commits;
  return entry.last.retired || !best.last.retired;
}

std::string random_id() {
  std::random_device device;
  std::string id;
  for (int i = 0; i < 4; ++i) id += fmt::format("{:08x}", device());
  return id;
}

}  // namespace

Catalogue Catalogue::load(const ObjectStore& store) {
  Catalogue catalogue;
  load_identity(store, catalogue);
  load_points(store, catalogue);
  load_proofs(store, catalogue);
  load_segments(store, catalogue);
  return catalogue;
}

std::vector<const SegmentEntry*> Catalogue::line() const {
  std::vector<const SegmentEntry*> by_start;
  for (const SegmentEntry& entry : segments) by_start.push_back(&entry);
  std::ranges::sort(by_start, {}, &SegmentEntry::start);
  auto next = by_start.begin();
  std::vector<const SegmentEntry*> line;
  const SegmentEntry* best = nullptr;
  // Nothing from before the oldest snapshot counts, but what spans its first commit leads on from it.
  Txid end = oldest() ? Txid(oldest()->txid.value - 1) : Txid(0);
  while (next != by_start.end()) {
    // Where nothing leads on, the line begins again after the gap.
    if (best == nullptr || best->last.txid <= end) end = std::max(end, (*next)->start());
    for (; next != by_start.end() && (*next)->start() <= end; ++next) {
      if (best == nullptr || leads_further(**next, *best, line.empty())) best = *next;
    }
    if (best->last.txid <= end) continue;
    line.push_back(best);
    end = best->last.txid;
  }
  return line;
}

std::vector<MissingRange> Catalogue::missing() const {
  std::vector<MissingRange> missing;
  const std::vector<const SegmentEntry*> parts = line();
  if (parts.empty()) return missing;
  const auto earliest = std::ranges::min_element(segments, {}, &SegmentEntry::start);
  // Segments from before the oldest snapshot built on something that is gone.
  if (!earliest->is_snapshot()) missing.push_back({Txid(0), earliest->start()});
  Txid end = parts.front()->start();
  for (const SegmentEntry* entry : parts) {
    if (entry->start() > end) missing.push_back({end, entry->start()});
    end = entry->last.txid;
  }
  return missing;
}

std::optional<CommitRecord> Catalogue::newest() const {
  const auto newest = std::ranges::max_element(segments, {}, [](const SegmentEntry& entry) {
    return std::pair(entry.last.txid, !entry.last.retired);
  });
  if (newest == segments.end()) return std::nullopt;
  return newest->last;
}

std::optional<CommitRecord> Catalogue::oldest() const {
  std::optional<CommitRecord> oldest;
  for (const SegmentEntry& entry : segments) {
    if (entry.is_snapshot() && (!oldest || entry.first.txid < oldest->txid)) oldest = entry.first;
  }
  return oldest;
}

const NamedPoint* Catalogue::find_point(std::string_view name) const {
  const auto found = std::ranges::find(points, name, &NamedPoint::name);
  return found == points.end() ? nullptr : &*found;
}

const RestoreProof* Catalogue::newest_proof() const {
  const RestoreProof* newest = nullptr;
  for (const RestoreProof& proof : proofs) {
    const auto holds = [&](const SegmentEntry& entry) {
      return entry.first.txid <= proof.txid && proof.txid <= entry.last.txid;
    };
    if ((newest == nullptr || proof.txid >= newest->txid) && std::ranges::any_of(segments, holds)) {
      newest = &proof;
    }
  }
  return newest;
}

void put_retired_before(ObjectStore& store, const Catalogue& catalogue, Txid before) {
  if (before <= catalogue.retired_before) return;
  if (!catalogue.identity) {
    throw Error(ErrorCode::kDamaged, std::string(kIdentityObject) + " is missing: nothing is retired");
  }
  const std::string document = retired_document(catalogue.identity->id, before);
  store.replace(kRetiredObject, std::as_bytes(std::span(document)));
}

void require_known_format(const ObjectStore& store) {
  Catalogue ignored;
  load_identity(store, ignored);
}

std::optional<std::string> set_damaged_identity_aside(ObjectStore& store) {
  const std::string object(kIdentityObject);
  std::string text;
  try {
    text = read_object(store, object);
    parse_identity(text, object);
    return std::nullopt;
  } catch (const FutureFormat&) {
    throw;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNoDatabase) return std::nullopt;
    if (error.code() != ErrorCode::kDamaged) throw;
  }
  const Bytes bytes = std::as_bytes(std::span(text));
  const std::string aside = fmt::format("{}{}.{:016x}", kDamagedFolder, object, checksum64(bytes));
  try {
    put_object(store, aside, bytes);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kLocked) throw;  // the same bytes are there
  }
  store.remove(object);
  return aside;
}

ArchiveIdentity ensure_archive(ObjectStore& store, const std::string& database, const Clock& clock) {
  const std::string object(kIdentityObject);
  const auto read = [&] { return parse_identity(read_object(store, object, kMaxDocumentBytes), object); };
  try {
    return read();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNoDatabase) throw;
  }
  ArchiveIdentity identity{
      .format = kArchiveFormat, .id = random_id(), .database = database, .created = clock.wall()};
  const std::string document = identity_document(identity);
  try {
    put_object(store, object, std::as_bytes(std::span(document)));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kLocked) throw;
    return read();  // somebody else was quicker
  }
  return identity;
}

void put_point(ObjectStore& store, const NamedPoint& point) {
  if (!valid_point_name(point.name)) {
    throw Error(ErrorCode::kUsage, fmt::format("\"{}\" can't be a point's name", point.name),
                "use letters, digits, '.', '_' and '-', at most 64 of them");
  }
  const std::string object = point_object(point.name);
  try {
    const NamedPoint old = parse_point(read_object(store, object, kMaxDocumentBytes), object);
    if (old.txid != point.txid) {
      throw Error(ErrorCode::kCantCreate,
                  fmt::format("point \"{}\" exists: it names commit {}", point.name, old.txid.value),
                  "choose another name");
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNoDatabase && error.code() != ErrorCode::kDamaged) throw;
  }
  const std::string document = point_document(point);
  store.replace(object, std::as_bytes(std::span(document)));
}

void put_proof(ObjectStore& store, const RestoreProof& proof) {
  const std::string document = proof_document(proof);
  put_object(store, proof_object(proof), std::as_bytes(std::span(document)));
  const Catalogue catalogue = Catalogue::load(store);
  const RestoreProof* newest = catalogue.newest_proof();
  for (std::size_t i = 0; i + kMostProofs < catalogue.proofs.size(); ++i) {
    if (&catalogue.proofs[i] != newest) store.remove(proof_object(catalogue.proofs[i]));
  }
}

}  // namespace litewright
