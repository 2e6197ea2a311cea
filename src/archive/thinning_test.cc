#include "archive/thinning.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "archive/compaction.h"
#include "archive/history_samples.h"
#include "archive/page_patch.h"
#include "archive/verify.h"
#include "base/error.h"
#include "store/memory_store.h"

namespace litewright {
namespace {

using namespace history_samples;

std::vector<SegmentEntry> entries(const ObjectStore& store) { return Catalogue::load(store).segments; }

void expect_points(const ObjectStore& store, const History& history, const std::set<std::uint64_t>& kept) {
  for (std::uint64_t txid = 1; txid <= history.commits().size(); ++txid) {
    RestorePoint point;
    point.tx = Txid(txid);
    if (kept.contains(txid)) {
      RC_ASSERT(restored(store, Txid(txid)) == history.state(Txid(txid)));
      continue;
    }
    try {
      plan_restore(store, Catalogue::load(store), point);
      RC_FAIL("a commit that was thinned out can be restored");
    } catch (const Error& error) {
      const std::string what = error.what();
      RC_ASSERT(what.find("was thinned out") != std::string::npos ||
                what.find("not in the archive") != std::string::npos);
    }
  }
}

void expect_verified(const ObjectStore& store) {
  const VerifyReport report = verify_archive(store, {.threads = 1});
  for (const VerifyDamage& damage : report.damage) {
    if (damage.object != "archive.json") RC_FAIL(damage.object + ": " + damage.what);
  }
  RC_ASSERT(report.missing.empty());
}

RC_GTEST_PROP(Thinning, WhatStaysRestoresAsBeforeAndTheRestIsNamedAsThinnedOut, ()) {
  MemoryStore store;
  const int commits = *rc::gen::inRange(2, 50);
  History history({.seed = *rc::gen::arbitrary<std::uint32_t>(), .commits = commits, .longest_segment = 6});
  history.write(store);
  const auto last = static_cast<std::uint64_t>(commits);
  const int one_in = *rc::gen::element(1, 2, 5, 20);
  std::set<std::uint64_t> kept = {last};
  for (std::uint64_t txid = 1; txid < last; ++txid) {
    if (history.pick(one_in) == 0) kept.insert(txid);
  }
  // Twice, so that what was thinned is thinned again.
  for (int round = 0; round < 2; ++round) {
    const std::vector<SegmentEntry> all = entries(store);
    for (std::size_t i = 0; i < all.size();) {
      const std::size_t length =
          std::min(all.size() - i, static_cast<std::size_t>(1 + history.pick(4) + (all.size() == 1 ? 0 : 1)));
      const auto parts = std::span(all).subspan(i, length);
      CompactionOptions options;
      options.generation = length == 1 ? static_cast<unsigned>(round + 1) : 0;
      const CompactedSegment made =
          thin_segments(store, parts, [&](Txid txid) { return kept.contains(txid.value); }, options);
      for (const SegmentEntry& part : parts) store.remove(part.name);
      i += length;
    }
    expect_points(store, history, kept);
    expect_verified(store);
    std::set<std::uint64_t> fewer = {last};
    for (const std::uint64_t txid : kept) {
      if (history.pick(2) == 0) fewer.insert(txid);
    }
    if (round == 0) kept = std::move(fewer);
  }
}

RC_GTEST_PROP(Thinning, TwoDifferencesJoinedDoWhatBothDo, ()) {
  constexpr std::size_t kSize = 512;
  std::mt19937 random(*rc::gen::arbitrary<std::uint32_t>());
  Page page(kSize);
  for (auto& byte : page) byte = static_cast<std::byte>(random());
  PagePatch patch(kSize);
  Page now = page;
  for (int i = 0; i < 6; ++i) {
    Page next = now;
    if (random() % 3 == 0) {
      std::rotate(next.begin(), next.begin() + static_cast<std::ptrdiff_t>(random() % 40), next.end());
    }
    for (auto changes = random() % 30; changes > 0; --changes)
      next[random() % kSize] = static_cast<std::byte>(random());
    std::vector<std::byte> delta;
    RC_ASSERT(append_page_delta(now, next, kSize, delta) || true);
    if (delta.empty() && now != next) break;
    RC_ASSERT(patch.lay(delta));
    now = next;
    const auto joined = patch.delta();
    if (!joined) continue;
    Page applied(kSize);
    RC_ASSERT(apply_page_delta(page, *joined, applied));
    RC_ASSERT(applied == now);
  }
}

}  // namespace
}  // namespace litewright
