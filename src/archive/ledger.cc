#include "archive/ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <vector>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace litewright {

namespace {

constexpr std::uint32_t kEntriesPerBlock = 256;
constexpr std::size_t kBlockBytes = kEntriesPerBlock * sizeof(Checksum128);
// The cache is set-associative: a block may be in one of these many slots, the longest unused is replaced.
constexpr std::size_t kWays = 8;
constexpr std::uint32_t kNoBlock = 0xffffffffu;
constexpr std::size_t kLargestPage = 65536;

constexpr std::uint32_t block_of(std::uint32_t page) { return (page - 1) / kEntriesPerBlock; }

}  // namespace

// Further invariants: (4) unset_pages counts the pages up to page_count that are zero, the lock page left
// out; (5) none of them is below first_unset; (6) blocks from file_blocks on were never written: the file is
// zeros there, or there is none; (7) a block is dropped from the cache only where that has its full size.
struct Ledger::State {
  struct Slot {
    std::uint32_t block = kNoBlock;
    std::uint32_t used = 0;
    bool dirty = false;
    std::unique_ptr<std::byte[]> bytes = {};  // of the first block that was here on
  };

  explicit State(const LedgerOptions& options)
      : folder(options.folder),
        name("the page ledger in " + options.folder),
        page_size(options.page_size),
        lock(lock_page(options.page_size).value),
        most_sets(std::bit_floor(std::max<std::size_t>(1, options.cache_bytes / (kBlockBytes * kWays)))) {
    make_cache(1);
  }

  std::string folder, name;
  std::uint32_t page_size;
  std::uint32_t lock;
  std::uint32_t page_count = 0;
  Checksum128 sum;
  std::uint64_t unset_pages = 0;
  std::uint64_t first_unset = 1;

  FileDescriptor file;
  std::uint64_t file_blocks = 0;
  std::size_t most_sets;
  std::size_t sets = 0;
  std::vector<Slot> slots;
  std::uint32_t ticks = 0;
  std::size_t last_slot = 0;

  void make_cache(std::size_t size) {
    sets = size;
    slots = std::vector<Slot>(sets * kWays);
    last_slot = 0;
  }

  void enlarge_cache() {
    std::vector<Slot> old = std::move(slots);
    make_cache(sets * 2);  // so that no set gets the blocks of two
    std::vector<std::size_t> filled(sets, 0);
    for (Slot& slot : old) {
      if (slot.block == kNoBlock) continue;
      const std::size_t set = slot.block % sets;
      slots[set * kWays + filled[set]++] = std::move(slot);
    }
  }

  Checksum128* block_entries(std::size_t slot) {
    return reinterpret_cast<Checksum128*>(slots[slot].bytes.get());
  }

  Checksum128& entry(std::uint32_t page, bool for_writing) {
    const std::uint32_t block = block_of(page);
    if (slots[last_slot].block != block) last_slot = slot_of(block);
    Slot& slot = slots[last_slot];
    slot.dirty |= for_writing;
    return block_entries(last_slot)[(page - 1) % kEntriesPerBlock];
  }

  // The slot that holds `block`, loaded where it was not.
  std::size_t slot_of(std::uint32_t block) {
    const std::size_t first = block % sets * kWays;
    std::size_t victim = first;
    if (++ticks == 0) forget_ages();
    for (std::size_t i = first; i < first + kWays; ++i) {
      if (slots[i].block == block) {
        slots[i].used = ticks;
        return i;
      }
      if (slots[i].used < slots[victim].used) victim = i;
    }
    if (slots[victim].block != kNoBlock && sets < most_sets) {
      enlarge_cache();
      return slot_of(block);
    }
    write_back(victim);
    slots[victim].block = kNoBlock;
    load(block, victim);
    slots[victim].block = block;
    slots[victim].used = ticks;
    return victim;
  }

  void load(std::uint32_t block, std::size_t slot) {
    if (!slots[slot].bytes) slots[slot].bytes = std::make_unique_for_overwrite<std::byte[]>(kBlockBytes);
    const MutableBytes out(slots[slot].bytes.get(), kBlockBytes);
    std::size_t got = 0;
    if (block < file_blocks) got = pread_fully(file.get(), out, std::uint64_t{block} * kBlockBytes, name);
    std::ranges::fill(out.subspan(got), std::byte{0});
  }

  void write_back(std::size_t slot) {
    const std::uint32_t block = slots[slot].block;
    if (!slots[slot].dirty) return;
    if (!file) file = open_file(folder, O_RDWR | O_TMPFILE);
    pwrite_fully(file.get(), Bytes(slots[slot].bytes.get(), kBlockBytes), std::uint64_t{block} * kBlockBytes,
                 name);
    file_blocks = std::max<std::uint64_t>(file_blocks, std::uint64_t{block} + 1);
    slots[slot].dirty = false;
  }

  void forget_ages() {
    for (Slot& slot : slots) slot.used = 0;
    ticks = 1;
  }

  // How many pages in (after, upto] can have a checksum.
  std::uint64_t countable(std::uint32_t after, std::uint32_t upto) const {
    return std::uint64_t{upto} - after - (after < lock && lock <= upto ? 1 : 0);
  }

  void grow(std::uint32_t count) {
    unset_pages += countable(page_count, count);
    first_unset = std::min<std::uint64_t>(first_unset, std::uint64_t{page_count} + 1);
    page_count = count;
  }

  void shrink(std::uint32_t count) {
    for (std::uint64_t page = std::uint64_t{count} + 1; page <= page_count; ++page) {
      Checksum128& dropped = entry(static_cast<std::uint32_t>(page), false);
      if (!dropped.is_zero()) {
        sum -= dropped;
        dropped = {};
        slots[last_slot].dirty = true;
      } else if (page != lock) {
        --unset_pages;
      }
    }
    drop_blocks(count == 0 ? 0 : std::uint64_t{block_of(count)} + 1);
    page_count = count;
    first_unset = std::min<std::uint64_t>(first_unset, std::uint64_t{count} + 1);
  }

  // Forgets the blocks from `first` on: they are all zeros.
  void drop_blocks(std::uint64_t first) {
    for (Slot& slot : slots) {
      if (slot.block != kNoBlock && slot.block >= first) slot = {};
    }
    if (file_blocks <= first) return;
    if (::ftruncate(file.get(), static_cast<off_t>(first * kBlockBytes)) != 0) {
      throw error_from_errno(errno, "truncate " + name);
    }
    file_blocks = first;
  }

  void fill_unset() {
    for (std::uint64_t page = first_unset; unset_pages > 0 && page <= page_count; ++page) {
      if (page == lock) continue;
      const auto number = static_cast<std::uint32_t>(page);
      if (!entry(number, false).is_zero()) continue;
      const Checksum128 zeros = zero_page(PageNumber(number), page_size);
      entry(number, true) = zeros;
      sum += zeros;
      --unset_pages;
    }
    first_unset = std::uint64_t{page_count} + 1;
  }
};

Ledger::Ledger(const LedgerOptions& options) : state_(std::make_unique<State>(options)) {}
Ledger::~Ledger() = default;
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger& Ledger::operator=(Ledger&&) noexcept = default;

std::uint32_t Ledger::page_count() const { return state_->page_count; }
const Checksum128& Ledger::sum() const { return state_->sum; }

Checksum128 Ledger::get(PageNumber page) {
  if (page.value == 0 || page.value > state_->page_count) return {};
  return state_->entry(page.value, false);
}

void Ledger::set(PageNumber page, const Checksum128& checksum) {
  State& s = *state_;
  if (page.value == 0) throw Error(ErrorCode::kInternal, "the page ledger has no page 0");
  if (page.value == s.lock) return;
  if (page.value > s.page_count) s.grow(page.value);
  Checksum128& entry = s.entry(page.value, true);
  if (entry.is_zero()) --s.unset_pages;
  s.sum -= entry;
  s.sum += checksum;
  entry = checksum;
  if (!entry.is_zero()) return;
  ++s.unset_pages;
  s.first_unset = std::min<std::uint64_t>(s.first_unset, page.value);
}

void Ledger::resize(std::uint32_t page_count) {
  State& s = *state_;
  if (page_count < s.page_count) s.shrink(page_count);
  if (page_count > s.page_count) s.grow(page_count);
  if (s.unset_pages > 0) s.fill_unset();
}

Checksum128 Ledger::zero_page(PageNumber page, std::uint32_t page_size) {
  static constexpr std::byte kZeros[kLargestPage]{};
  return page_checksum(page, Bytes(kZeros, page_size));
}

}  // namespace litewright
