// Where a process runs: in which container, and as which pid there. Pure readings of /proc/PID/cgroup and
// /proc/PID/status.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace litewright {

// The container's short id (12 digits, as Docker and Podman print it) or name (LXC, systemd-nspawn) from
// /proc/PID/cgroup; empty where the process is in none.
std::string container_of(std::string_view cgroup);

// The last number of the line NSpid of /proc/PID/status: the pid that the process has in its own namespace. 0
// where there is one number only: it lives in ours (FACTS 6).
pid_t innermost_pid(std::string_view status);

}  // namespace litewright
