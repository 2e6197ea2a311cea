#include "archive/page_assembly.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "archive/page_delta.h"

namespace litewright {

PlanSources::PlanSources(const ObjectStore& store, const RestorePlan& plan)
    : commit_(plan.commit), page_size_(plan.page_size) {
  if (plan.segments.empty()) throw Error(ErrorCode::kInternal, "a restore plan without segments");
  const std::vector<TxidWindow> windows = plan.windows();
  segments_.reserve(plan.segments.size());  // the sources point into it
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    const Segment& segment = segments_.emplace_back(store, plan.segments[i].name);
    append_sources(segment, windows[i], sources_);
    for (const CommitRecord& commit : segment.commits()) {
      if (windows[i].holds(commit.txid)) drops_.add(commit.txid, commit.page_count);
    }
  }
}

bool PageUnderWork::apply(const PageVersion& version) {
  const MutableBytes now = in_spare_ ? spare_ : place_;
  if (version.kind == PageVersion::Kind::kWhole) {
    if (version.body.size() != now.size()) return false;
    std::memcpy(now.data(), version.body.data(), now.size());
    return true;
  }
  if (!apply_page_delta(now, version.body, in_spare_ ? place_ : spare_)) return false;
  in_spare_ = !in_spare_;
  return true;
}

void PageUnderWork::settle() {
  if (!in_spare_) return;
  std::memcpy(place_.data(), spare_.data(), place_.size());
  in_spare_ = false;
}

bool is_recorded(const Checksum128& computed, const PageVersion& version) {
  return computed.low == version.checksum.low &&
         (version.checksum.high == 0 || computed.high == version.checksum.high);
}

Error page_damage(const MergeSource& source, PageNumber page, Txid txid, const std::string& what) {
  return Error(
      ErrorCode::kDamaged,
      fmt::format("{}: page {} as of commit {}: {}", source.segment->name(), page.value, txid.value, what),
      "`litewright verify` names the commits that are lost");
}

namespace {

class Assembler {
 public:
  Assembler(const PlanSources& plan, PageMerge& merge, PageSink& sink)
      : plan_(plan), merge_(merge), sink_(sink), spare_(plan.page_size()), version_(merge.next()) {}

  const PageVersion* version() const { return version_; }
  void skip_page() {
    const PageNumber page = version_->page;
    while (version_ != nullptr && version_->page == page) version_ = merge_.next();
  }

  // Takes all versions of the page at hand; false if none of them counts.
  bool take_page() {
    const PageNumber page = version_->page;
    const Txid dropped = plan_.drops().dropped_at(page);
    PageUnderWork work(sink_.place(page), spare_);
    bool begun = false;
    PageVersion last;
    const MergeSource* source = nullptr;
    for (; version_ != nullptr && version_->page == page; version_ = merge_.next()) {
      if (version_->txid <= dropped) continue;
      if (!begun && version_->kind == PageVersion::Kind::kDelta) sink_.base(page, work.content());
      begun = true;
      source = &merge_.source();
      last = *version_;
      if (!work.apply(last)) throw page_damage(*source, page, last.txid, "its difference can't be applied");
    }
    if (!begun) return false;
    work.settle();
    const Checksum128 checksum = page_checksum(page, work.content());
    if (!is_recorded(checksum, last)) {
      throw page_damage(*source, page, last.txid, "its checksum is not the recorded one");
    }
    sink_.keep(page, checksum);
    return true;
  }

 private:
  const PlanSources& plan_;
  PageMerge& merge_;
  PageSink& sink_;
  std::vector<std::byte> spare_;
  const PageVersion* version_;
};

}  // namespace

void assemble_pages(const PlanSources& plan, std::span<const MergeSource> part, PageNumber from,
                    PageNumber to, PageSink& sink, const PageSet* only) {
  const PageNumber lock = lock_page(plan.page_size());
  to = std::min(to, PageNumber(plan.commit().page_count));
  if (to < from) return;
  PageMerge merge(part, from, to, only);
  Assembler assembler(plan, merge, sink);
  PageNumber untouched = from;
  while (assembler.version() != nullptr) {
    const PageNumber page = assembler.version()->page;
    if (page == lock || (only != nullptr && !only->has(page))) {
      assembler.skip_page();
      continue;
    }
    if (untouched < page) sink.untouched(untouched, PageNumber(page.value - 1));
    if (!assembler.take_page()) sink.untouched(page, page);
    untouched = page.next();
    if (page == to) return;
  }
  sink.untouched(untouched, to);
}

}  // namespace litewright
