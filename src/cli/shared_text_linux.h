// A text that the processes of one watchdog have in common: what a child wrote, the next one reads, however
// the first one ended. Linux.
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace litewright {

class SharedText {
 public:
  // To be made before the fork. Room for `most` bytes; memory is taken as it is written.
  explicit SharedText(std::size_t most);
  ~SharedText();
  SharedText(const SharedText&) = delete;
  SharedText& operator=(const SharedText&) = delete;

  // For one writer at a time. A writer that is killed meanwhile leaves what was there before. Throws
  // Error{kUsage} for a text that is longer.
  void write(std::string_view text);
  std::optional<std::string> read() const;  // nothing: none was written

 private:
  // Two places in turn; `newest` says which one holds, 0: none.
  struct Head {
    std::atomic<int> newest{0};
    std::size_t size[2] = {0, 0};
  };
  char* place(int number) const;
  std::size_t all() const { return sizeof(Head) + 2 * most_; }

  std::size_t most_;
  Head* head_;
};

}  // namespace litewright
