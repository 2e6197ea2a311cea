#include "check/overflow_chain.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"

namespace litewright {
namespace {

constexpr std::uint32_t kLinkBytes = 4;
constexpr std::size_t kRunBytes = 65536;

}  // namespace

// `left`: pages of the chain from this one on. Reads ahead only where the chain has gone from page to page.
Bytes OverflowChain::page(PageNumber number, bool in_run, std::uint64_t left) {
  const std::uint32_t size = source_.page_size();
  if (number < run_first_ || number.value - run_first_.value >= run_pages_) {
    const std::uint64_t most = in_run ? std::max<std::uint64_t>(kRunBytes / size, 1) : 1;
    const std::uint64_t to_end = source_.page_count() - number.value + 1;
    run_pages_ = static_cast<std::uint32_t>(std::min({most, left, to_end}));
    run_first_ = number;
    run_.resize(std::size_t{run_pages_} * size);
    source_.read(number, run_);
  }
  return Bytes(run_).subspan(std::size_t{number.value - run_first_.value} * size, size);
}

Bytes OverflowChain::gather(const Start& start,
                            const std::function<void(TreeFault::Kind, PageNumber, std::string)>& fault) {
  payload_.assign(start.local.begin(), start.local.end());
  const std::uint32_t on_each = source_.usable_bytes() - kLinkBytes;
  const std::uint64_t pages = (start.payload_bytes - start.local.size() + on_each - 1) / on_each;
  const std::uint64_t wanted = std::min(start.payload_bytes, most_bytes_);
  PageNumber at = start.first, before = start.owner;
  run_pages_ = 0;
  std::uint64_t seen = 0;
  for (; at.value != 0; seen++) {
    if (start.map != nullptr && seen < pages) {
      const PointerKind kind = seen == 0 ? PointerKind::kOverflowFirst : PointerKind::kOverflowNext;
      if (auto wrong = start.map->fault(at, kind, before)) fault(TreeFault::Kind::kPointerMap, at, *wrong);
    }
    const PageClaims::Claim claim = claims_.claim(at);
    if (claim != PageClaims::Claim::kTaken) {
      fault(TreeFault::Kind::kOverflow, at,
            claim == PageClaims::Claim::kTwice
                ? fmt::format("overflow page {} is used a second time", at.value)
                : fmt::format("overflow page {} is outside the database", at.value));
      return payload_;
    }
    const Bytes bytes = page(at, seen > 0 && at == before.next(), seen < pages ? pages - seen : 1);
    if (payload_.size() < wanted) {
      const Bytes body =
          bytes.subspan(kLinkBytes, std::min<std::uint64_t>(on_each, wanted - payload_.size()));
      payload_.insert(payload_.end(), body.begin(), body.end());
    }
    before = at;
    at = PageNumber(load_be32(bytes, 0));
  }
  if (seen != pages) {
    fault(TreeFault::Kind::kOverflow, start.first,
          fmt::format("the overflow chain from page {} has {} pages, the payload of {} bytes needs {}",
                      start.first.value, seen, start.payload_bytes, pages));
  }
  return payload_;
}

}  // namespace litewright
