#include "archive/thinning.h"

#include <algorithm>
#include <utility>

#include "archive/alive_commits.h"
#include "archive/page_assembly.h"
#include "archive/page_delta.h"
#include "archive/page_patch.h"

namespace litewright {

namespace {

constexpr std::uint32_t kNever = 0xffffffffu;

// For each commit the kept one that has its pages: itself or the next kept.
std::vector<std::uint32_t> next_kept(const std::vector<bool>& kept) {
  std::vector<std::uint32_t> next(kept.size());
  auto at = static_cast<std::uint32_t>(kept.size());
  for (std::size_t i = kept.size(); i-- > 0;) {
    if (kept[i]) at = static_cast<std::uint32_t>(i);
    next[i] = at;
  }
  return next;
}

// Invariants, of the page at hand: (1) what a reader of the versions given so far has is `reader_` where
// reader_known_, else what stood before the stretch with all given differences; (2) the page now is content_
// where known_, else the reader's with patch_ laid over, which body_ does as one difference; (3) whole_: the
// reader has nothing that a difference could build on.
class VersionThinner {
 public:
  VersionThinner(const ThinStretch& stretch, const std::function<void(const PageVersion&)>& sink)
      : stretch_(stretch),
        sink_(sink),
        next_kept_(next_kept(stretch.kept)),
        alive_(stretch.commits),
        merge_(stretch.sources, PageNumber(1), PageNumber(kNever)),
        patch_(stretch.page_size),
        content_(stretch.page_size),
        spare_(stretch.page_size),
        reader_(stretch.page_size),
        version_(merge_.next()) {}

  void run() {
    // A page without a version may still have left the database and come back.
    const auto sizes = std::ranges::minmax(stretch_.commits, {}, &CommitRecord::page_count);
    std::uint64_t due = std::uint64_t{sizes.min.page_count} + 1;
    const std::uint64_t end = stretch_.from_nothing ? 0 : sizes.max.page_count;
    while (due <= end || version_ != nullptr) {
      const std::uint64_t touched = version_ != nullptr ? version_->page.value : ~std::uint64_t{0};
      const std::uint64_t page = due <= end ? std::min(due, touched) : touched;
      if (page == due) ++due;
      thin_page(PageNumber(static_cast<std::uint32_t>(page)));
    }
  }

 private:
  void thin_page(PageNumber page) {
    page_ = page;
    if (page == lock_page(stretch_.page_size)) return skip();
    known_ = whole_ = stretch_.from_nothing;
    reader_known_ = pending_ = false;
    if (known_) std::ranges::fill(content_, std::byte{0});
    patch_.clear();
    body_.reset();
    std::uint32_t next = 0;  // the first commit not yet looked at
    for (const auto& [first, last] : alive_.at(page)) {
      if (first > next) leave(next, first);
      while (at_hand(last)) take();
      if (pending_ && next_kept_[pending_index_] <= last) give();
      pending_ = false;
      next = last + 1;
    }
    skip();
  }

  std::uint32_t index_of(Txid txid) const {
    const auto found = std::ranges::lower_bound(stretch_.commits, txid, {}, &CommitRecord::txid);
    return static_cast<std::uint32_t>(found - stretch_.commits.begin());
  }

  // Whether a version of the page from commit `last` or before is next.
  bool at_hand(std::uint32_t last) const {
    return version_ != nullptr && version_->page == page_ && index_of(version_->txid) <= last;
  }

  void skip() {
    while (version_ != nullptr && version_->page == page_) version_ = merge_.next();
  }

  // Commits [from, back) do not have the page, `back` has it again: as zeros until written.
  void leave(std::uint32_t from, std::uint32_t back) {
    while (at_hand(back - 1)) version_ = merge_.next();
    const bool reader_sees_it = next_kept_[from] < back;
    const bool was_there = from > 0 || !stretch_.from_nothing;
    std::ranges::fill(content_, std::byte{0});
    known_ = whole_ = true;
    pending_ = was_there && !reader_sees_it;
    pending_index_ = back;
    source_ = nullptr;
  }

  // The version at hand becomes the page's state.
  void take() {
    const std::uint32_t index = index_of(version_->txid);
    if (pending_ && next_kept_[pending_index_] < index) give();
    lay(*version_);
    source_ = &merge_.source();
    txid_ = version_->txid;
    checksum_ = version_->checksum;
    pending_ = true;
    pending_index_ = index;
    version_ = merge_.next();
  }

  void lay(const PageVersion& version) {
    if (version.kind == PageVersion::Kind::kWhole) {
      if (version.body.size() != content_.size()) malformed(version);
      std::ranges::copy(version.body, content_.begin());
      known_ = true;
    } else if (known_) {
      if (!apply_page_delta(content_, version.body, spare_)) malformed(version);
      std::swap(content_, spare_);
    } else {
      lay_difference(version);
    }
  }

  void lay_difference(const PageVersion& version) {
    if (!patch_.lay(version.body)) malformed(version);
    std::optional<std::vector<std::byte>> joined;
    if (body_) {
      joined = patch_.delta();
      if (!joined) {
        // Too much for one difference: what was joined so far stays a version of its own.
        give_difference();
        if (!patch_.lay(version.body)) malformed(version);
      }
    }
    if (!joined) joined.emplace(version.body.begin(), version.body.end());
    body_ = std::move(joined);
  }

  [[noreturn]] void malformed(const PageVersion& version) const {
    throw page_damage(merge_.source(), page_, version.txid, "its difference can't be applied");
  }

  void give() {
    if (source_ == nullptr) {
      txid_ = stretch_.commits[next_kept_[pending_index_]].txid;
      give_content();
    } else if (known_) {
      give_content();
    } else {
      give_difference();
    }
    pending_ = false;
  }

  void give_difference() {
    sink_({page_, txid_, PageVersion::Kind::kDelta, *body_, checksum_});
    patch_.clear();
    body_.reset();
  }

  void give_content() {
    const Checksum128 checksum = page_checksum(page_, content_);
    if (source_ != nullptr && !is_recorded(checksum, {page_, txid_, {}, {}, checksum_})) {
      throw page_damage(*source_, page_, txid_, "its checksum is not the recorded one");
    }
    delta_.clear();
    const bool small = !whole_ && reader_known_ &&
                       append_page_delta(reader_, content_, content_.size() / 2, delta_).has_value();
    const auto kind = small ? PageVersion::Kind::kDelta : PageVersion::Kind::kWhole;
    sink_({page_, txid_, kind, small ? Bytes(delta_) : Bytes(content_), checksum});
    reader_ = content_;
    reader_known_ = true;
    whole_ = false;
    patch_.clear();
    body_.reset();
  }

  const ThinStretch& stretch_;
  const std::function<void(const PageVersion&)>& sink_;
  std::vector<std::uint32_t> next_kept_;
  AliveCommits alive_;
  PageMerge merge_;
  PagePatch patch_;
  std::optional<std::vector<std::byte>> body_;
  std::vector<std::byte> content_, spare_, reader_, delta_;
  const PageVersion* version_;

  PageNumber page_;
  bool known_ = false, whole_ = false, reader_known_ = false;
  bool pending_ = false;                 // the page changed since what was given last
  std::uint32_t pending_index_ = 0;      // the commit that changed it
  const MergeSource* source_ = nullptr;  // of its version; null: it left the database
  Txid txid_;
  Checksum128 checksum_;
};

}  // namespace

void thin_versions(const ThinStretch& stretch, const std::function<void(const PageVersion&)>& sink) {
  VersionThinner(stretch, sink).run();
}

}  // namespace litewright
