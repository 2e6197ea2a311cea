#include "archive/thinning.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "archive/history_samples.h"
#include "archive/page_assembly.h"
#include "archive/page_patch.h"
#include "archive/point_selection.h"
#include "archive/segment_samples.h"
#include "store/memory_store.h"

namespace litewright {
namespace {

using namespace history_samples;
using segment_samples::OwnedVersion;

// What a reader makes of thinned versions: `before` is the state they build on, empty for none.
Page read_state(const std::vector<OwnedVersion>& versions, const std::vector<CommitRecord>& kept,
                const CommitRecord& wanted, const Page& before, std::uint32_t page_size) {
  Page state(std::size_t{wanted.page_count} * page_size);
  Page spare(page_size);
  for (std::uint32_t number = 1; number <= wanted.page_count; ++number) {
    Txid dropped(0);
    for (const CommitRecord& commit : kept) {
      if (commit.txid < wanted.txid && commit.page_count < number) dropped = commit.txid;
    }
    const MutableBytes place = MutableBytes(state).subspan(std::size_t{number - 1} * page_size, page_size);
    const bool had = dropped.value == 0 && std::size_t{number} * page_size <= before.size();
    if (had)
      std::ranges::copy(Bytes(before).subspan(std::size_t{number - 1} * page_size, page_size), place.begin());
    PageUnderWork work(place, spare);
    for (const OwnedVersion& version : versions) {
      if (version.page.value != number || version.txid <= dropped || version.txid > wanted.txid) continue;
      RC_ASSERT(work.apply(version.view()));
      RC_ASSERT(is_recorded(page_checksum(version.page, Bytes(work.content())), version.view()));
    }
    work.settle();
  }
  return state;
}

RC_GTEST_PROP(Thinning, EachCommitThatStaysIsWhatItWas, ()) {
  MemoryStore store;
  const HistoryOptions options{.seed = *rc::gen::arbitrary<std::uint32_t>(),
                               .commits = *rc::gen::inRange(2, 50),
                               .longest_segment = 6};
  History history(options);
  history.write(store);
  const auto& names = history.segments();
  const auto from = static_cast<std::size_t>(history.pick(static_cast<int>(names.size())));
  const auto upto = from + 1 + static_cast<std::size_t>(history.pick(static_cast<int>(names.size() - from)));
  std::vector<Segment> segments;
  segments.reserve(names.size());  // the sources point into it
  std::vector<MergeSource> sources;
  std::vector<CommitRecord> commits, kept;
  for (std::size_t i = from; i < upto; ++i) {
    const Segment& segment = segments.emplace_back(store, names[i]);
    append_sources(segment, {segment.header().base, segment.header().last}, sources);
    for (const CommitRecord& commit : segment.commits()) commits.push_back(commit);
  }
  const int one_in = *rc::gen::element(1, 2, 5, 20);
  std::vector<bool> stays(commits.size());
  for (std::size_t i = 0; i < commits.size(); ++i) {
    stays[i] = i + 1 == commits.size() || history.pick(one_in) == 0;
    if (stays[i]) kept.push_back(commits[i]);
  }
  std::vector<OwnedVersion> versions;
  std::uint64_t before_it = 0;
  for (const MergeSource& source : sources) before_it += source.info().versions;
  thin_versions({.sources = sources,
                 .commits = commits,
                 .kept = stays,
                 .page_size = options.page_size,
                 .from_nothing = from == 0},
                [&](const PageVersion& version) { versions.push_back(segment_samples::own(version)); });
  RC_ASSERT(std::ranges::is_sorted(versions, {}, &OwnedVersion::page));
  const Page before = from == 0 ? Page() : history.state(segments.front().header().base);
  for (const CommitRecord& commit : kept) {
    RC_ASSERT(read_state(versions, kept, commit, before, options.page_size) == history.state(commit.txid));
  }
  // One version a page and commit that stays, and what leaves the database and comes back.
  RC_ASSERT(versions.size() <= before_it + kept.size() * options.most_pages);
}

RC_GTEST_PROP(PagePatch, DifferencesJoinedDoWhatTheyDoOneAfterAnother, ()) {
  constexpr std::size_t kSize = 512;
  std::mt19937 random(*rc::gen::arbitrary<std::uint32_t>());
  Page page(kSize);
  for (auto& byte : page) byte = static_cast<std::byte>(random());
  PagePatch patch(kSize);
  Page now = page;
  for (int i = 0; i < 6; ++i) {
    Page next = now;
    if (random() % 3 == 0)
      std::rotate(next.begin(), next.begin() + static_cast<std::ptrdiff_t>(random() % 40), next.end());
    for (auto changes = random() % 30; changes > 0; --changes)
      next[random() % kSize] = static_cast<std::byte>(random());
    std::vector<std::byte> delta;
    if (!append_page_delta(now, next, kSize, delta)) break;
    RC_ASSERT(patch.lay(delta));
    now = next;
    const auto joined = patch.delta();
    if (!joined) continue;
    Page applied(kSize);
    RC_ASSERT(apply_page_delta(page, *joined, applied));
    RC_ASSERT(applied == now);
  }
}

RC_GTEST_PROP(PointSelection, KeepsWhatTheRulesKeepOfAllCommitsAtOnce, ()) {
  MemoryStore store;
  History history({.seed = *rc::gen::arbitrary<std::uint32_t>(), .commits = *rc::gen::inRange(1, 90)});
  history.write(store);
  KeepRules rules;
  if (history.pick(2) == 0) rules.last = static_cast<std::uint64_t>(1 + history.pick(8));
  if (history.pick(2) == 0) rules.within = std::chrono::seconds(10 + history.pick(200));
  if (history.pick(2) == 0) rules.of(KeepPeriod::kMinute) = KeepSpan{};
  const WallTime now = history.commits().back().seen_at;
  const auto named = static_cast<std::uint64_t>(1 + history.pick(static_cast<int>(history.commits().size())));
  put_point(store, {"named", Txid(named), now});
  std::vector<KeepPoint> points;
  for (auto commit = history.commits().rbegin(); commit != history.commits().rend(); ++commit)
    points.push_back({.at = commit->seen_at, .bytes = 0, .pinned = commit->txid.value == named});
  const std::vector<KeepReason> verdicts = judge_points(points, rules, now);
  std::uint64_t heard = 0;
  PointSelection selection = select_points(store, Catalogue::load(store), rules, now, system_local_offset,
                                           [&](const CommitRecord& commit, KeepReason reason) {
                                             RC_ASSERT(reason == verdicts[points.size() - commit.txid.value]);
                                             ++heard;
                                           });
  RC_ASSERT(heard == points.size() && selection.points() == points.size());
  std::set<std::uint64_t> kept;
  for (std::uint64_t txid = 1; txid <= points.size(); ++txid) {
    RC_ASSERT(selection.keeps(Txid(txid)) == (verdicts[points.size() - txid] != KeepReason::kNone));
    if (selection.keeps(Txid(txid))) kept.insert(txid);
  }
  RC_ASSERT(selection.kept() == kept.size() && selection.oldest_kept().value == *kept.begin());
  RC_ASSERT(selection.kept(Txid(0), Txid(points.size())) == kept.size());
  // For space the oldest go, but never what is named, or the newest.
  selection.drop_before(Txid(points.size() + 1));
  RC_ASSERT(selection.keeps(Txid(named)) && selection.keeps(Txid(points.size())));
  RC_ASSERT(selection.unprotected() == 0);
}

}  // namespace
}  // namespace litewright
