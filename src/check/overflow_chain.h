// A payload that goes on on overflow pages, put together: each page of the chain taken once, runs of
// neighbours in one read.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "check/page_source.h"
#include "check/pointer_map.h"
#include "check/tree_walk.h"

namespace litewright {

// One thread's; keeps its memory between payloads.
class OverflowChain {
 public:
  OverflowChain(PageSource& source, PageClaims& claims, std::uint64_t most_bytes)
      : source_(source), claims_(claims), most_bytes_(most_bytes) {}

  struct Start {
    Bytes local;
    std::uint64_t payload_bytes = 0;
    PageNumber first;
    PageNumber owner;           // the b-tree page
    PointerMap* map = nullptr;  // to be held against it
  };
  // The payload or, where it is longer than the bound, its beginning; valid until the next call. Each fault
  // is given to `fault`; after one the bytes are what could be had.
  Bytes gather(const Start& start,
               const std::function<void(TreeFault::Kind, PageNumber, std::string)>& fault);

 private:
  Bytes page(PageNumber number, bool in_run, std::uint64_t left);

  PageSource& source_;
  PageClaims& claims_;
  std::uint64_t most_bytes_;
  std::vector<std::byte> payload_, run_;
  PageNumber run_first_;
  std::uint32_t run_pages_ = 0;
};

}  // namespace litewright
