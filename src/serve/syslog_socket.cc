#include "serve/syslog_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace litewright {
namespace {

constexpr time_t kPatienceSeconds = 5;

// Most listen for datagrams; to the others a line ends with a zero.
FileDescriptor connected(const std::string& socket, int type) {
  sockaddr_un address{};
  if (socket.size() >= sizeof address.sun_path) throw error_from_errno(ENAMETOOLONG, "reach " + socket);
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket.data(), socket.size());
  FileDescriptor sender(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!sender) throw error_from_errno(errno, "make a socket");
  const timeval patience{.tv_sec = kPatienceSeconds, .tv_usec = 0};
  ::setsockopt(sender.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(sender.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EPROTOTYPE && type == SOCK_DGRAM) return connected(socket, SOCK_STREAM);
    throw error_from_errno(errno, "reach " + socket, "is a syslog daemon running?");
  }
  return sender;
}

bool is_stream(const FileDescriptor& sender) {
  int type = SOCK_DGRAM;
  socklen_t size = sizeof type;
  ::getsockopt(sender.get(), SOL_SOCKET, SO_TYPE, &type, &size);
  return type == SOCK_STREAM;
}

}  // namespace

void send_to_syslog(std::span<const SyslogLine> lines, const std::string& socket) {
  const FileDescriptor sender = connected(socket, SOCK_DGRAM);
  const bool stream = is_stream(sender);
  for (const SyslogLine& line : lines) {
    // Without a time: every syslog then takes its own.
    std::string packet = fmt::format("<{}>litewright[{}]: {}", line.priority, ::getpid(), line.text);
    if (stream) packet += '\0';
    const ssize_t sent = ::send(sender.get(), packet.data(), packet.size(), MSG_NOSIGNAL);
    if (sent < 0) throw error_from_errno(errno, "tell " + socket);
    if (static_cast<std::size_t>(sent) < packet.size()) throw error_from_errno(EAGAIN, "tell " + socket);
  }
}

}  // namespace litewright
