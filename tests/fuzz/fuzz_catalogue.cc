// The archive's documents with any text, an object of any bytes among the segments, and covers of any set of
// segments, held against a search through all steps.
#include <algorithm>
#include <string>

#include "archive/catalogue.h"
#include "archive/cover.h"
#include "archive/documents.h"
#include "archive/restore_plan.h"
#include "archive/verify.h"
#include "base/error.h"
#include "require.h"
#include "store/memory_store.h"

using namespace litewright;

namespace {

constexpr std::uint64_t kMaxTxid = 48;
constexpr std::size_t kMaxEntries = 24;

void read_documents(const std::string& text) {
  MemoryStore store;
  const Bytes bytes = std::as_bytes(std::span(text));
  store.replace("archive.json", bytes);
  store.replace("points/p.json", bytes);
  store.replace(segment_name(Txid(0), Txid(1)), bytes);
  try {
    const Catalogue catalogue = Catalogue::load(store);
    require(catalogue.bad_objects.size() >= 2);  // one text can't be all three
    if (catalogue.identity)
      require(parse_identity(identity_document(*catalogue.identity), "x").id == catalogue.identity->id);
    for (const NamedPoint& point : catalogue.points) {
      const NamedPoint again = parse_point(point_document(point), point_object(point.name));
      require(again.txid == point.txid && again.created == point.created);
    }
    require(!verify_archive(store, {.threads = 1}).damage.empty());
  } catch (const Error& error) {
    require(error.code() == ErrorCode::kDamaged);  // a format of the future
  }
}

Catalogue any_catalogue(Bytes data) {
  Catalogue catalogue;
  for (std::size_t i = 0; i + 3 < data.size() && catalogue.segments.size() < kMaxEntries; i += 4) {
    const auto byte = [&](std::size_t k) { return static_cast<std::uint64_t>(data[i + k]); };
    SegmentEntry entry;
    entry.header.page_size = byte(3) < 250 ? 4096 : 512;
    entry.header.base = Txid(byte(0) % 40);
    entry.header.last = Txid(entry.header.base.value + 1 + byte(1) % 8);
    entry.last.txid = entry.header.last;
    entry.first.txid = entry.header.base.next();
    if (entry.is_snapshot()) entry.first.txid = Txid(1 + byte(2) % entry.last.txid.value);
    entry.size = byte(3);
    entry.commits = entry.last.txid.value - entry.start().value;  // none thinned: can_restore() knows no such
    catalogue.segments.push_back(entry);
  }
  std::ranges::sort(catalogue.segments, {}, [](const SegmentEntry& entry) {
    return std::pair(entry.header.base, entry.header.last);
  });
  return catalogue;
}

// Every commit that some way through the segments leads to.
bool can_restore(const std::vector<SegmentEntry>& segments, Txid txid) {
  for (const SegmentEntry& snapshot : segments) {
    if (!snapshot.is_snapshot() || snapshot.first.txid > txid) continue;
    Txid reach = snapshot.last.txid;
    for (std::size_t step = 0; step < segments.size(); ++step) {
      for (const SegmentEntry& entry : segments) {
        if (entry.is_snapshot() || entry.header.page_size != snapshot.header.page_size) continue;
        if (entry.header.base <= reach) reach = std::max(reach, entry.last.txid);
      }
    }
    if (reach >= txid) return true;
  }
  return false;
}

void check_covers(const Catalogue& catalogue) {
  const std::vector<CommitRange> ranges = restorable_commits(catalogue.segments);
  for (std::uint64_t txid = 1; txid <= kMaxTxid; ++txid) {
    const auto holds = [&](const CommitRange& range) { return range.holds(Txid(txid)); };
    require(std::ranges::any_of(ranges, holds) == can_restore(catalogue.segments, Txid(txid)));
  }
  Txid end(0);
  for (const SegmentEntry* entry : catalogue.line()) {
    require(entry->last.txid > end);
    end = entry->last.txid;
  }
  if (!catalogue.segments.empty()) require(end == catalogue.newest()->txid);
  for (const MissingRange& range : catalogue.missing()) require(range.base < range.last);
  for (const SegmentEntry& entry : catalogue.segments) {
    if (!entry.is_snapshot()) continue;
    const SegmentChain chain = follow_chain(catalogue.segments, entry, Txid(kMaxTxid));
    RestorePlan plan;
    plan.commit.txid = chain.reach;
    for (const SegmentEntry* part : chain.segments) plan.segments.push_back(*part);
    Txid after(0);
    for (const TxidWindow& window : plan.windows()) {
      require(window.after == after && window.after < window.upto);
      after = window.upto;
    }
    require(after == chain.reach);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes = fuzz_input(data, size);
  read_documents(std::string(reinterpret_cast<const char*>(data), size));
  check_covers(any_catalogue(bytes));
  return 0;
}
