#include "archive/state_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <vector>

#include "base/error.h"

namespace litewright {
namespace {

// Ours alone: another user's folder at that place is not used.
bool usable(const std::string& folder) {
  std::error_code failure;
  std::filesystem::create_directories(std::filesystem::path(folder).parent_path(), failure);
  ::mkdir(folder.c_str(), 0700);
  struct stat status{};
  if (::lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != ::geteuid())
    return false;
  return ::access(folder.c_str(), W_OK | X_OK) == 0;
}

}  // namespace

std::string state_folder(const Environment& environment) {
  std::vector<std::string> candidates;
  if (const auto given = environment("LITEWRIGHT_STATE")) candidates.push_back(*given);
  if (::geteuid() == 0) candidates.emplace_back("/var/lib/litewright");
  if (const auto xdg = environment("XDG_STATE_HOME")) candidates.push_back(*xdg + "/litewright");
  if (const auto home = environment("HOME")) candidates.push_back(*home + "/.local/state/litewright");
  candidates.push_back("/tmp/litewright-" + std::to_string(::geteuid()));
  for (const std::string& folder : candidates) {
    if (usable(folder)) return folder;
  }
  throw Error(ErrorCode::kCantCreate,
              "no folder for litewright's state can be made (tried " + candidates.front() + ")",
              "set LITEWRIGHT_STATE to a folder of yours");
}

}  // namespace litewright
