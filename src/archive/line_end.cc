#include "archive/line_end.h"

#include <fmt/format.h>

#include <algorithm>

#include "archive/cover.h"
#include "archive/resume.h"
#include "base/error.h"
#include "base/shell_words.h"

namespace litewright {

namespace {

constexpr const char* kDamagedEnd = "archive.damaged-end";

// The highest number that anything in the archive names: what could not be read was somebody's commit too.
Txid highest_number(const Catalogue& catalogue) {
  Txid highest(0);
  for (const SegmentEntry& entry : catalogue.segments) highest = std::max(highest, entry.last.txid);
  for (const BadObject& object : catalogue.bad_objects) {
    if (const auto range = parse_segment_name(object.name)) highest = std::max(highest, range->second);
  }
  for (const NamedPoint& point : catalogue.points) highest = std::max(highest, point.txid);
  for (const RestoreProof& proof : catalogue.proofs) highest = std::max(highest, proof.txid);
  return highest;
}

// Whether some snapshot leads to the newest commit: the ledger alone may be whole where that is gone.
bool can_be_restored(const Catalogue& catalogue, Txid newest) {
  return std::ranges::any_of(catalogue.segments, [&](const SegmentEntry& entry) {
    return entry.is_snapshot() && entry.first.txid <= newest &&
           follow_chain(catalogue.segments, entry, newest).reach == newest;
  });
}

// Why the commits up to `last` can't be gone on from although they were archived.
std::string lost_end(const Catalogue& catalogue, Txid last) {
  for (const BadObject& object : catalogue.bad_objects) {
    const auto range = parse_segment_name(object.name);
    if (range && range->second == last) return object.reason;
  }
  return fmt::format("the object that held commit {} is gone", last.value);
}

}  // namespace

LineEnd::LineEnd(const ObjectStore& store, const Catalogue& catalogue, std::uint32_t page_size,
                 std::uint64_t fence, Ledger& ledger, Begin begin)
    : newest_(catalogue.newest()), last_(highest_number(catalogue)) {
  header_.page_size = page_size;
  header_.fence = fence;
  const std::vector<const SegmentEntry*> line = catalogue.line();
  if (last_ > Txid(0) && (!newest_ || newest_->txid < last_)) damage_ = lost_end(catalogue, last_);
  if (newest_ && !damage_ && !can_be_restored(catalogue, newest_->txid))
    damage_ = fmt::format("what leads to commit {} is damaged or gone", newest_->txid.value);
  if (line.empty()) return;
  const SegmentEntry& end = *line.back();
  for (const SegmentEntry* entry : line) ends_.add(entry->last);
  header_.epoch = end.header.epoch;
  other_page_size_ = end.header.page_size != page_size;
  if (other_page_size_ || damage_ || begin == Begin::kAnew) return;
  try {
    rebuild_ledger(store, catalogue, ledger);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
    damage_ = error.what();
    ledger.resize(0);
    return;
  }
  header_.base = last();
  position_ = end.position;
}

SegmentHeader LineEnd::header(Txid last) const {
  SegmentHeader header = header_;
  header.last = last;
  header.witnesses = ends_.witnesses();
  return header;
}

void LineEnd::sealed(Txid last, std::span<const CommitRecord> commits) {
  header_.base = last;
  header_.parent_epoch = 0;
  if (!commits.empty() && commits.back().txid == last) ends_.add(commits.back());
}

void LineEnd::fork() {
  if (header_.parent_epoch != 0) return;
  header_.parent_epoch = header_.epoch++;
}

std::optional<Finding> damaged_line_finding(const LineEnd& line, const std::string& database) {
  if (!line.damage()) return std::nullopt;
  Finding finding{.id = kDamagedEnd, .severity = Severity::kCritical, .database = database};
  finding.figures = {{"last_commit", static_cast<std::int64_t>(line.last().value)}};
  finding.meaning = fmt::format(
      "what the archive has can't be gone on from: {}; the database as it is now is archived whole, as "
      "commit {}, and "
      "history goes on from there",
      *line.damage(), line.last().next().value);
  finding.remedy = "litewright verify " + shell_quoted(database);
  return finding;
}

std::optional<Finding> mended_line_finding(const LineEnd& line, const std::string& database) {
  if (!line.damage()) return std::nullopt;
  return Finding{.id = kDamagedEnd,
                 .severity = Severity::kOk,
                 .database = database,
                 .meaning = "the database is archived whole, and history goes on from there"};
}

}  // namespace litewright
