#include "cli/shared_text_linux.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <new>

#include "base/error.h"

namespace litewright {

static_assert(std::atomic<int>::is_always_lock_free);

SharedText::SharedText(std::size_t most) : most_(most), head_(nullptr) {
  void* memory =
      ::mmap(nullptr, all(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw error_from_errno(errno, "share memory with the watchdog");
  head_ = new (memory) Head;
}

SharedText::~SharedText() { ::munmap(head_, all()); }

char* SharedText::place(int number) const {
  return reinterpret_cast<char*>(head_ + 1) + static_cast<std::size_t>(number - 1) * most_;
}

void SharedText::write(std::string_view text) {
  if (text.size() > most_)
    throw Error(ErrorCode::kUsage, fmt::format("a text of {} bytes, at most {}", text.size(), most_));
  const int next = head_->newest == 1 ? 2 : 1;
  std::ranges::copy(text, place(next));
  head_->size[next - 1] = text.size();
  head_->newest = next;
}

std::optional<std::string> SharedText::read() const {
  const int newest = head_->newest;
  if (newest == 0) return std::nullopt;
  return std::string(place(newest), head_->size[newest - 1]);
}

}  // namespace litewright
