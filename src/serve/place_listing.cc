#include "serve/place_listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <utility>

#include "config/configuration.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

void note(PlaceListing& listing, PlaceListing::Unread unread) {
  if (listing.unread.size() == kMostUnread) return;
  // At the root of every ext4, for root alone.
  if (unread.by_wildcard && fs::path(unread.path).filename() == "lost+found") return;
  const auto known = std::ranges::find(listing.unread, unread.path, &PlaceListing::Unread::path);
  if (known == listing.unread.end()) listing.unread.push_back(std::move(unread));
}

// Regular files stay; what can't be asked what it is, is noted.
void keep_files(std::vector<std::string> paths, PlaceListing& listing) {
  for (std::string& path : paths) {
    const FilePresence presence = presence_of(path);
    if (presence.error_number != 0) note(listing, {.path = path, .error_number = presence.error_number});
    if (presence.is_there) listing.files.push_back(std::move(path));
  }
}

// glob(3) hands nothing on to who hears of its errors.
class Hearing {
 public:
  Hearing(PlaceListing& listing, std::string base) : listing_(listing), base_(std::move(base)) { now = this; }
  ~Hearing() { now = nullptr; }
  Hearing(Hearing&&) = delete;
  Hearing& operator=(Hearing&&) = delete;

  static int hear(const char* path, int error_number) {
    if (now == nullptr || error_number == ENOENT) return 0;
    const bool is_base = fs::path(path) / "" == fs::path(now->base_) / "";
    note(now->listing_, {path, error_number, !is_base});
    return 0;
  }

 private:
  PlaceListing& listing_;
  std::string base_;
  static thread_local Hearing* now;
};
thread_local Hearing* Hearing::now = nullptr;

// Folders that a wildcard means, and whose content it then names: glob(3) takes one that can't be searched
// for one in which there is no such file.
void note_unsearchable(const std::string& pattern, PlaceListing& listing) {
  const std::size_t fixed = fixed_part(pattern).size();
  for (auto end = pattern.find('/', fixed); end != std::string::npos; end = pattern.find('/', end + 1)) {
    for (const std::string& folder : paths_of_glob(pattern.substr(0, end))) {
      struct stat status{};
      if (::stat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) continue;
      if (::faccessat(AT_FDCWD, folder.c_str(), X_OK, AT_EACCESS) != 0) note(listing, {folder, errno, true});
    }
  }
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

}  // namespace

std::vector<std::string> paths_of_glob(const std::string& pattern) {
  ::glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), GLOB_NOSORT, Hearing::hear, &found) == 0)
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  std::ranges::sort(paths);
  return paths;
}

PlaceListing list_glob(const std::string& pattern) {
  PlaceListing listing;
  std::vector<std::string> paths;
  {
    const Hearing hearing(listing, fixed_part(pattern));
    paths = paths_of_glob(pattern);
  }
  note_unsearchable(pattern, listing);
  listing.is_missing = paths.empty() && listing.unread.empty();
  keep_files(std::move(paths), listing);
  return listing;
}

PlaceListing list_directory(const std::string& directory) {
  PlaceListing listing;
  const std::unique_ptr<DIR, CloseFolder> folder(::opendir(directory.c_str()));
  if (folder == nullptr) {
    listing.is_missing = errno == ENOENT;
    if (!listing.is_missing) note(listing, {.path = directory, .error_number = errno});
    return listing;
  }
  std::vector<std::string> paths;
  errno = 0;
  while (const dirent* entry = ::readdir(folder.get())) {
    const fs::path path = fs::path(directory) / entry->d_name;
    if (is_named_as_database(path)) paths.push_back(path.string());
    errno = 0;
  }
  if (errno != 0) note(listing, {.path = directory, .error_number = errno});
  std::ranges::sort(paths);
  keep_files(std::move(paths), listing);
  return listing;
}

FilePresence presence_of(const std::string& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return {.error_number = errno == ENOENT ? 0 : errno};
  return {.is_there = S_ISREG(status.st_mode)};
}

}  // namespace litewright
