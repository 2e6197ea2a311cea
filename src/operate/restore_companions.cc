#include "operate/restore_companions.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/durable_file.h"
#include "base/error.h"
#include "operate/database_placement.h"
#include "store/folder_walk.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> folder_parts(const fs::path& absolute) {
  std::vector<std::string> parts;
  for (const fs::path& part : absolute.parent_path().relative_path()) parts.push_back(part.string());
  return parts;
}

// Opened part by part below the user's own folder.
Descriptor folder_below(const fs::path& root, const fs::path& absolute) {
  const Descriptor top = make_root(root.string());
  return make_folder(top.get(), folder_parts(absolute), root.string());
}

Descriptor folder_of_origin(const fs::path& path) {
  const fs::path parent = path.parent_path();
  Descriptor folder = make_root(parent.string());
  std::error_code failed;
  if (fs::canonical(parent, failed) == parent && !failed) return folder;
  throw Error(ErrorCode::kPermission,
              fmt::format("{} is reached through a symbolic link now: {} is not restored there",
                          parent.string(), path.filename().string()),
              "restore the files into a folder: --with-files DIR");
}

// The opened folder by a name that nobody can turn elsewhere.
fs::path by_descriptor(const Descriptor& folder) { return fmt::format("/proc/self/fd/{}", folder.get()); }

// Of a file that is no regular one nothing is kept or replaced.
std::optional<struct stat> present(const Descriptor& folder, const std::string& name, const fs::path& shown) {
  struct stat status{};
  if (::fstatat(folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return std::nullopt;
    throw error_from_errno(errno, "look at " + shown.string());
  }
  if (S_ISREG(status.st_mode)) return status;
  throw Error(ErrorCode::kPermission,
              fmt::format("{} is {}: it is not replaced", shown.string(),
                          S_ISLNK(status.st_mode) ? "a symbolic link" : "no regular file"),
              "move it away, or restore the files into a folder: --with-files DIR");
}

}  // namespace

struct CompanionPlacement::Place {
  Companion companion;
  fs::path shown;  // for people
  Descriptor folder;
  std::string name;
  std::unique_ptr<DurableFile> file;  // null: it is there already

  fs::path target() const { return by_descriptor(folder) / name; }

  // Errors speak of the descriptor's path: nobody knows what that is.
  [[noreturn]] void rethrow(const Error& error) const {
    std::string text = error.what();
    const std::string path = by_descriptor(folder).string();
    const auto at = text.find(path);
    if (at != std::string::npos) text.replace(at, path.size(), shown.parent_path().string());
    throw Error(error.code(), text, error.hint());
  }

  bool there_already(const struct stat& status, Bytes content) const {
    if ((status.st_mode & 07777u) != companion.mode) return false;
    if (static_cast<std::uint64_t>(status.st_size) != companion.bytes) return false;
    const std::string old = read_whole_file(target(), kMostCompanionBytes);
    return std::ranges::equal(std::as_bytes(std::span(old)), content);
  }

  void prepare(const ObjectStore& store) {
    const auto old = present(folder, name, shown);
    const std::vector<std::byte> content = read_companion(store, companion);
    if (old && there_already(*old, content)) return;
    file = std::make_unique<DurableFile>(target(), 0600);
    file->append(content);
    if (old && ::fchown(file->fd(), old->st_uid, old->st_gid) != 0 && ::geteuid() == 0)
      throw error_from_errno(errno, "give " + shown.string() + " its owner");
    const timespec modified{.tv_sec = companion.modified.time_since_epoch().count() / 1'000'000'000,
                            .tv_nsec = companion.modified.time_since_epoch().count() % 1'000'000'000};
    const timespec times[2] = {modified, modified};
    if (::fchmod(file->fd(), companion.mode) != 0 || ::futimens(file->fd(), times) != 0)
      throw error_from_errno(errno, "set the mode of " + shown.string());
  }

  PlacedCompanion put(WallTime now) {
    PlacedCompanion placed{.path = shown.string(), .kept = {}, .unchanged = file == nullptr};
    if (!file) return placed;
    present(folder, name, shown);  // it may have become a link meanwhile
    if (const auto kept = keep_file_aside(target(), now))
      placed.kept = (shown.parent_path() / fs::path(*kept).filename()).string();
    file->commit(OnExisting::kReplace);
    return placed;
  }
};

CompanionPlacement::CompanionPlacement(const ObjectStore& store, const CompanionSet& set,
                                       const std::optional<fs::path>& folder) {
  for (const Companion& companion : set.files) {
    const fs::path path(companion.path);
    auto place = std::make_unique<Place>();
    place->companion = companion;
    place->shown = folder ? *folder / path.relative_path() : path;
    place->folder = folder ? folder_below(*folder, path) : folder_of_origin(path);
    place->name = path.filename().string();
    try {
      place->prepare(store);
    } catch (const Error& error) {
      place->rethrow(error);
    }
    places_.push_back(std::move(place));
  }
}

CompanionPlacement::~CompanionPlacement() = default;

std::vector<PlacedCompanion> CompanionPlacement::put(WallTime now) {
  std::vector<PlacedCompanion> placed;
  for (const auto& place : places_) {
    try {
      placed.push_back(place->put(now));
    } catch (const Error& error) {
      const Error told(
          error.code(),
          fmt::format("{} of {} files are in place, then: {}", placed.size(), places_.size(), error.what()),
          error.hint());
      place->rethrow(told);
    }
  }
  return placed;
}

}  // namespace litewright
