// Which frame of the WAL's current generation holds a page's latest version: open addressing, 8 bytes an
// entry.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/types.h"

namespace litewright {

// Bounded: beyond kMaxEntries pages new ones are not remembered (their next version is then archived whole).
class FrameMap {
 public:
  static constexpr std::size_t kMaxEntries = 1 << 20;

  FrameMap() : slots_(kInitialSlots) {}

  void put(PageNumber page, FrameNumber frame) {
    Slot& slot = find(page);
    if (slot.page == 0) {
      if (used_ >= kMaxEntries) return;
      slot.page = page.value;
      used_++;
    }
    slot.frame = frame.value;
    if (used_ * 2 > slots_.size()) grow();
  }

  // 0: the page has no frame in this generation.
  FrameNumber get(PageNumber page) const {
    const Slot& slot = const_cast<FrameMap*>(this)->find(page);
    return FrameNumber(slot.page == 0 ? 0 : slot.frame);
  }

  void clear() {
    slots_.assign(std::min(slots_.size(), kMostKeptSlots), Slot{});
    used_ = 0;
  }

  // What a generation grew it to is of no use to one that has little in it.
  void give_back_memory() {
    if (used_ == 0) slots_ = std::vector<Slot>(kInitialSlots);
  }

 private:
  static constexpr std::size_t kInitialSlots = 1 << 8;
  static constexpr std::size_t kMostKeptSlots = 1 << 14;
  struct Slot {
    std::uint32_t page = 0, frame = 0;
  };

  Slot& find(PageNumber page) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = static_cast<std::uint32_t>(page.value * 0x9E3779B1u) & mask;  // the high half is cut off
    while (slots_[at].page != 0 && slots_[at].page != page.value) at = (at + 1) & mask;
    return slots_[at];
  }

  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.page != 0) find(PageNumber(slot.page)) = slot;
    }
  }

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace litewright
