// Lines to this machine's syslog, a datagram each, as syslog(3) sends them; but where one can't arrive, that
// is said. (syslog(3) says nothing where nobody listens, and waits for ever for one who does not read.)
#pragma once

#include <span>
#include <string>

namespace litewright {

constexpr const char* kSyslogSocket = "/dev/log";

struct SyslogLine {
  int priority = 0;  // facility | level, as <syslog.h> has them
  std::string text = {};
};

// Throws Error where one does not arrive: those before it did. Waits a few seconds at most for each.
void send_to_syslog(std::span<const SyslogLine> lines, const std::string& socket = kSyslogSocket);

}  // namespace litewright
