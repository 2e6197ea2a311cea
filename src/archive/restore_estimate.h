// How long a restore would take, told from the restores that were really made (proofs) and from what this one
// would read and write. Pure: catalogue in, durations out. Say "about": disks and caches differ from day to
// day.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include "archive/catalogue.h"

namespace litewright {

class RestoreEstimate {
 public:
  // From the last proofs on `host`, or where there are none the last of any. Copies what it needs.
  RestoreEstimate(const Catalogue& catalogue, std::string_view host);

  // False: nothing was proven yet; then there are no estimates.
  bool known() const { return seconds_a_byte_ > 0; }
  // Of a plan: what it reads of the archive, and the file that it makes.
  std::optional<std::chrono::duration<double>> of_bytes(std::uint64_t bytes_read, std::uint64_t bytes) const;
  // Of a commit of the catalogue, without a plan: the newest snapshot before it and what leads on from there.
  std::optional<std::chrono::duration<double>> of_commit(const CommitRecord& commit,
                                                         std::uint32_t page_size) const;

 private:
  struct Part {
    Txid last;
    std::uint64_t bytes_before = 0;  // of the parts of the line before it
    std::uint64_t bytes = 0;
  };
  struct Snapshot {
    Txid first, last;
    std::uint64_t bytes = 0;
  };
  std::uint64_t bytes_of_line(Txid after, Txid upto) const;

  double seconds_a_byte_ = 0;  // read or written
  std::vector<Part> line_;
  std::vector<Snapshot> snapshots_;  // ascending by last
};

}  // namespace litewright
