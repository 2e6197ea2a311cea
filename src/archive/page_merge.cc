#include "archive/page_merge.h"

#include <algorithm>

namespace litewright {

namespace {

std::uint64_t order_of(PageNumber page, std::size_t source) {
  return std::uint64_t{page.value} << 32 | static_cast<std::uint32_t>(source);
}

}  // namespace

void append_sources(const Segment& segment, TxidWindow window, std::vector<MergeSource>& sources) {
  for (std::size_t run = 0; run < segment.runs().size(); ++run) sources.push_back({&segment, run, window});
}

std::size_t overlap(std::span<const MergeSource> sources) {
  std::vector<std::uint32_t> begins, ends;
  for (const MergeSource& source : sources) {
    begins.push_back(source.info().first_page.value);
    ends.push_back(source.info().last_page.value);
  }
  std::ranges::sort(begins);
  std::ranges::sort(ends);
  std::size_t most = 0;
  std::size_t ended = 0;
  for (std::size_t begun = 1; begun <= begins.size(); ++begun) {
    while (ends[ended] < begins[begun - 1]) ++ended;
    most = std::max(most, begun - ended);
  }
  return most;
}

std::vector<std::span<const MergeSource>> cut_by_overlap(std::span<const MergeSource> sources,
                                                         std::size_t limit) {
  std::vector<std::span<const MergeSource>> parts;
  while (!sources.empty()) {
    // overlap() only grows with the length: search for the longest that fits; one source always does.
    std::size_t fits = 1;
    std::size_t too_long = sources.size() + 1;
    while (fits + 1 < too_long) {
      const std::size_t middle = fits + (too_long - fits) / 2;
      (overlap(sources.first(middle)) <= limit ? fits : too_long) = middle;
    }
    parts.push_back(sources.first(fits));
    sources = sources.subspan(fits);
  }
  return parts;
}

PageMerge::PageMerge(std::span<const MergeSource> sources, PageNumber from, PageNumber to,
                     const PageSet* only)
    : sources_(sources), from_(from), to_(to), only_(only) {
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const RunInfo& info = sources[i].info();
    const bool wanted = only == nullptr || only->any(info.first_page, info.last_page);
    if (wanted && info.first_page <= to && info.last_page >= from) pending_.push_back(i);
  }
  std::ranges::sort(pending_, std::greater{},
                    [&](std::size_t i) { return order_of(sources_[i].info().first_page, i); });
}

const PageVersion* PageMerge::next() {
  if (given_) {
    Open& front = open_[heap_.front().slot];
    if (advance(front)) {
      heap_.front().order = order_of(front.version.page, front.source);
      settle_front();
    } else {
      remove_front();
    }
  }
  open_due();
  given_ = !heap_.empty();
  return given_ ? &open_[heap_.front().slot].version : nullptr;
}

// Opens the runs that may hold a page as low as the lowest at hand.
void PageMerge::open_due() {
  const auto later = [](const Place& a, const Place& b) { return a.order > b.order; };
  while (!pending_.empty()) {
    const std::size_t source = pending_.back();
    const PageNumber begin = std::max(sources_[source].info().first_page, from_);
    if (!heap_.empty() && order_of(begin, 0) > heap_.front().order) return;
    pending_.pop_back();
    if (free_slots_.empty()) {
      free_slots_.push_back(open_.size());
      open_.emplace_back();
    }
    const std::size_t slot = free_slots_.back();
    Open& open = open_[slot];
    open.source = source;
    open.cursor.emplace(*sources_[source].segment, sources_[source].run, from_, to_, only_);
    if (!advance(open)) continue;
    free_slots_.pop_back();
    heap_.push_back({order_of(open.version.page, source), slot});
    std::ranges::push_heap(heap_, later);
  }
}

// The source's next version that counts; false at its end, its cursor closed.
bool PageMerge::advance(Open& open) {
  const TxidWindow window = sources_[open.source].window;
  while (const auto version = open.cursor->next()) {
    if (!window.holds(version->txid)) continue;
    open.version = *version;
    return true;
  }
  open.cursor.reset();
  return false;
}

void PageMerge::settle_front() {
  const Place moved = heap_.front();
  std::size_t place = 0;
  while (true) {
    std::size_t child = 2 * place + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].order < heap_[child].order) ++child;
    if (heap_[child].order >= moved.order) break;
    heap_[place] = heap_[child];
    place = child;
  }
  heap_[place] = moved;
}

void PageMerge::remove_front() {
  free_slots_.push_back(heap_.front().slot);
  heap_.front() = heap_.back();
  heap_.pop_back();
  if (!heap_.empty()) settle_front();
}

}  // namespace litewright
