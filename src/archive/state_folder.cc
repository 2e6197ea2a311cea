#include "archive/state_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/error.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

// Where it would be made.
std::string why_not_made(fs::path folder) {
  std::error_code failure;
  while (folder.has_relative_path() && !fs::exists(folder, failure)) folder = folder.parent_path();
  const std::string place = folder.empty() ? "." : folder.string();
  if (::access(place.c_str(), W_OK | X_OK) == 0 && fs::is_directory(place, failure)) return "";
  return "it is not there, and can't be made in " + place;
}

// Ours alone: nobody else may have put something there, or turn it elsewhere. Empty: it can be used.
std::string why_not(const std::string& folder) {
  struct stat status{};
  if (::lstat(folder.c_str(), &status) != 0) {
    return errno == ENOENT ? why_not_made(folder) : std::generic_category().message(errno);
  }
  if (S_ISLNK(status.st_mode) && status.st_uid != ::geteuid() && status.st_uid != 0)
    return "it is a link of another user's (uid " + std::to_string(status.st_uid) + ")";
  if (::stat(folder.c_str(), &status) != 0) return std::generic_category().message(errno);
  if (!S_ISDIR(status.st_mode)) return "it is no folder";
  if (status.st_uid != ::geteuid()) {
    return "it is another user's (uid " + std::to_string(status.st_uid) + ", and this is " +
           std::to_string(::geteuid()) + ")";
  }
  return ::access(folder.c_str(), W_OK | X_OK) == 0 ? "" : std::generic_category().message(errno);
}

void make(const std::string& folder) {
  std::error_code failure;
  fs::create_directories(fs::path(folder).parent_path(), failure);
  ::mkdir(folder.c_str(), 0700);
}

}  // namespace

void require_state_folder(const std::string& folder) {
  const std::string why = why_not(folder);
  if (why.empty()) return;
  throw Error(ErrorCode::kCantCreate, "litewright's state can't be kept in " + folder + ": " + why,
              "name a folder of yours, or run this as its owner");
}

std::string state_folder(const Environment& environment) {
  if (const auto named = environment("LITEWRIGHT_STATE"); named && !named->empty()) {
    make(*named);
    require_state_folder(*named);
    return *named;
  }
  std::vector<std::string> candidates;
  if (::geteuid() == 0) candidates.emplace_back("/var/lib/litewright");
  if (const auto xdg = environment("XDG_STATE_HOME")) candidates.push_back(*xdg + "/litewright");
  if (const auto home = environment("HOME")) candidates.push_back(*home + "/.local/state/litewright");
  candidates.push_back("/tmp/litewright-" + std::to_string(::geteuid()));
  for (const std::string& folder : candidates) {
    make(folder);
    if (why_not(folder).empty()) return folder;
  }
  throw Error(ErrorCode::kCantCreate,
              "no folder for litewright's state can be made (tried " + candidates.front() + ")",
              "set LITEWRIGHT_STATE to a folder of yours");
}

}  // namespace litewright
