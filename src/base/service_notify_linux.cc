#include "base/service_notify_linux.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/file_descriptor.h"

namespace litewright {
namespace {

std::optional<std::int64_t> number(const std::optional<std::string>& text) {
  std::int64_t value = 0;
  if (!text) return std::nullopt;
  const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), value);
  return failure == std::errc{} && end == text->data() + text->size() ? std::optional(value) : std::nullopt;
}

}  // namespace

ServiceNotify::ServiceNotify(const Environment& environment)
    : socket_(environment("NOTIFY_SOCKET").value_or("")) {
  const auto pid = number(environment("WATCHDOG_PID"));
  const auto interval = number(environment("WATCHDOG_USEC"));
  if (interval && *interval > 0 && (!pid || *pid == ::getpid()))
    watchdog_ = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::microseconds(*interval));
}

void ServiceNotify::tell(const std::string& lines) const {
  sockaddr_un address{};
  if (socket_.empty() || socket_.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (socket_.front() == '@') address.sun_path[0] = 0;  // an abstract name
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  const FileDescriptor sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  (void)::sendto(sender.get(), lines.data(), lines.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                 reinterpret_cast<const sockaddr*>(&address), length);
}

void ServiceNotify::tell_reloading() const {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1'000'000 + now.tv_nsec / 1000));
}

}  // namespace litewright
