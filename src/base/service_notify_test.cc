#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <map>

#include "base/file_descriptor.h"
#include "base/service_notify_linux.h"
#include "base/test_folder.h"

namespace litewright {
namespace {

Environment environment_of(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

TEST(ServiceNotify, SendsItsLinesToTheManagersSocket) {
  const TestFolder folder;
  const std::string path = folder.path("notify");
  const FileDescriptor manager(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  ASSERT_EQ(::bind(manager.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const ServiceNotify notify(environment_of({{"NOTIFY_SOCKET", path}}));
  EXPECT_TRUE(notify.is_asked_for());
  notify.tell("READY=1\nSTATUS=well");
  char buffer[256] = {};
  EXPECT_EQ(::recv(manager.get(), buffer, sizeof buffer, 0), 19);
  EXPECT_STREQ(buffer, "READY=1\nSTATUS=well");
}

TEST(ServiceNotify, IsSilentWhereNobodyAsksOrNobodyListens) {
  ServiceNotify(environment_of({})).tell("READY=1");
  ServiceNotify(environment_of({{"NOTIFY_SOCKET", "/no/such/socket"}})).tell("READY=1");
}

TEST(ServiceNotify, TheWatchdogIsThatOfThisProcess) {
  const std::string own = std::to_string(::getpid());
  const auto interval = [](std::map<std::string, std::string> values) {
    return ServiceNotify(environment_of(std::move(values))).watchdog();
  };
  EXPECT_EQ(interval({{"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", own}}), std::chrono::seconds(30));
  EXPECT_EQ(interval({{"WATCHDOG_USEC", "30000000"}}), std::chrono::seconds(30));
  EXPECT_EQ(interval({{"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", "1"}}), std::nullopt);
  EXPECT_EQ(interval({{"WATCHDOG_USEC", "soon"}}), std::nullopt);
  EXPECT_EQ(interval({}), std::nullopt);
}

}  // namespace
}  // namespace litewright
