#include "base/process_table.h"

#include <fmt/format.h>

namespace litewright {

std::vector<std::filesystem::path> database_files(const std::filesystem::path& database) {
  std::vector<std::filesystem::path> files = {database};
  for (const char* suffix : {"-wal", "-shm", "-journal"}) {
    files.push_back(database);
    files.back() += suffix;
  }
  return files;
}

std::string describe(const FileHolder& holder) {
  if (holder.pid == 0) return "a process outside this container";
  std::string where;
  if (!holder.container.empty()) where = ", container " + holder.container;
  if (holder.inner_pid != 0) where += fmt::format(", in its own namespace pid {}", holder.inner_pid);
  return fmt::format("{} (pid {}, user {}{})", holder.command_line, holder.pid, holder.user, where);
}

}  // namespace litewright
