// How much room is left on the disk of a file or folder, and when that is too little to take more of it.
#pragma once

#include <cstdint>
#include <string>

namespace litewright {

struct DiskSpace {
  std::uint64_t free = 0;  // bytes that this user may still write
  std::uint64_t all = 0;   // the disk's size

  // What we leave to others: a twentieth of the disk, at most kLargestReserve.
  static constexpr std::uint64_t kLargestReserve = 1ull << 30;
  std::uint64_t reserve() const { return all / 20 < kLargestReserve ? all / 20 : kLargestReserve; }
  bool has_room_for(std::uint64_t bytes) const { return free >= reserve() && free - reserve() >= bytes; }
};

// Of the disk that holds `path`, or would hold it: what is missing at its end is left out. A disk that can't
// be asked is taken to have room (all == 0 then).
DiskSpace disk_space(const std::string& path);

}  // namespace litewright
