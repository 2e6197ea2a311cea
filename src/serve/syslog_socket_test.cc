#include "serve/syslog_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/test_folder.h"

namespace litewright {
namespace {

class SyslogSocket : public ::testing::Test {
 protected:
  FileDescriptor listen(int type) const {
    FileDescriptor made(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    EXPECT_EQ(::bind(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(type == SOCK_STREAM ? ::listen(made.get(), 1) : 0, 0);
    return made;
  }
  static std::string received(int descriptor) {
    std::array<char, 256> buffer{};
    const ssize_t n = ::recv(descriptor, buffer.data(), buffer.size(), MSG_DONTWAIT);
    return n < 0 ? "nothing" : std::string(buffer.data(), static_cast<std::size_t>(n));
  }

  const TestFolder folder_;
  const std::string path_ = folder_.path("log");
  const std::string name_ = "litewright[" + std::to_string(::getpid()) + "]: ";
  const std::array<SyslogLine, 2> lines_ = {
      {{LOG_LOCAL3 | LOG_CRIT, "the WAL is pinned"}, {LOG_DAEMON | LOG_WARNING, "100 % of it"}}};
};

TEST_F(SyslogSocket, ALineIsADatagramWithItsPriority) {
  const FileDescriptor daemon = listen(SOCK_DGRAM);
  send_to_syslog(lines_, path_);
  EXPECT_EQ(received(daemon.get()), "<154>" + name_ + "the WAL is pinned");
  EXPECT_EQ(received(daemon.get()), "<28>" + name_ + "100 % of it");
  EXPECT_EQ(received(daemon.get()), "nothing");
}

TEST_F(SyslogSocket, OneThatListensForConnectionsGetsLinesThatEndWithZero) {
  const FileDescriptor daemon = listen(SOCK_STREAM);
  send_to_syslog(lines_, path_);
  const FileDescriptor connection(::accept(daemon.get(), nullptr, nullptr));
  using std::string_literals::operator""s;
  EXPECT_EQ(received(connection.get()),
            "<154>" + name_ + "the WAL is pinned\0<28>"s + name_ + "100 % of it\0"s);
}

TEST_F(SyslogSocket, NobodyThereIsAnError) {
  EXPECT_THROW(send_to_syslog(lines_, path_), Error);
  {
    const FileDescriptor daemon = listen(SOCK_DGRAM);
  }
  EXPECT_THROW(send_to_syslog(lines_, path_), Error) << "its daemon has ended";
}

}  // namespace
}  // namespace litewright
