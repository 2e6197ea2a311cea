#include "operate/database_placement.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/error.h"
#include "base/file_copy_linux.h"
#include "base/time_text.h"
#include "operate/folded_database.h"

namespace litewright {

namespace fs = std::filesystem;

namespace {

// Only now: while it was made nobody else could read it, whoever may read the old one.
void give_ownership(const fs::path& from, int descriptor) {
  struct stat status{};
  if (::stat(from.c_str(), &status) != 0) {
    const mode_t mask = ::umask(077);
    ::umask(mask);
    ::fchmod(descriptor, 0644 & ~mask);  // as SQLite makes one
    return;
  }
  if (::fchown(descriptor, status.st_uid, status.st_gid) != 0 && ::geteuid() == 0) {
    throw error_from_errno(errno, "give the restored file its owner");
  }
  ::fchmod(descriptor, status.st_mode & 07777);
}

// A name that no file beside the target has yet.
std::string free_name(const fs::path& target, WallTime now, const std::string& why) {
  std::string stamp = format_utc_time(now).substr(0, 19);
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
  std::string name;
  for (int n = 0; n < 100; n++) {
    name =
        fmt::format("{}.before-{}-{}Z{}", target.string(), why, stamp, n == 0 ? "" : fmt::format("-{}", n));
    if (!fs::exists(fs::symlink_status(name))) break;
  }
  return name;
}

// False: there is no such file. A second name for it, so that at no moment it has none; a copy where the file
// system knows no second names (vfat), or refuses one.
bool keep(const fs::path& from, const fs::path& as) {
  if (::link(from.c_str(), as.c_str()) == 0) return true;
  if (errno == ENOENT) return false;
  if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK)
    throw error_from_errno(errno, fmt::format("keep {} as {}", from.string(), as.string()));
  DurableFile copy(as, 0600);
  copy_file_content(from, copy.fd(), as);
  give_ownership(from, copy.fd());
  copy.commit(OnExisting::kFailIfExists);
  return true;
}

// Keeps what is there under a new name: all of it or nothing.
std::vector<std::string> keep_aside(const fs::path& target, WallTime now, const std::string& why) {
  const std::string kept = free_name(target, now, why);
  std::vector<std::string> names;
  try {
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
      if (keep(target.string() + suffix, kept + suffix)) names.push_back(kept + suffix);
    }
    sync_folder(target.parent_path());
  } catch (const Error&) {
    for (const std::string& name : names) ::unlink(name.c_str());
    throw;
  }
  return names;
}

// A -wal or -journal left behind would be adopted by the new file.
void remove_companions(const fs::path& target) {
  for (const char* suffix : {"-shm", "-journal", "-wal"}) {
    const std::string name = target.string() + suffix;
    if (::unlink(name.c_str()) != 0 && errno != ENOENT) throw error_from_errno(errno, "remove " + name);
  }
  sync_folder(target.parent_path());
}

}  // namespace

fs::path resolve_target(const std::string& target) {
  std::error_code failure;
  const fs::path resolved = fs::canonical(target, failure);
  return failure ? fs::absolute(target) : resolved;
}

void refuse_while_open(const ProcessTable& processes, const fs::path& target) {
  const FileHolders found = processes.who_has_open(database_files(target), OwnProcess::kExclude);
  if (found.holders.empty()) return;
  std::string names;
  for (const FileHolder& holder : found.holders) names += (names.empty() ? "" : ", ") + describe(holder);
  throw Error(ErrorCode::kLocked, fmt::format("{} is open in {}", target.string(), names),
              "stop it, then run this again; or restore beside it with -o FILE");
}

std::vector<std::string> put_in_place(DurableFile& file, const fs::path& target,
                                      const ProcessTable& processes, WallTime now, const std::string& why) {
  give_ownership(target, file.fd());
  refuse_while_open(processes, target);
  // Two names can't change at once. So the old file first becomes one that needs no companion, which is the
  // old state with and without them; then they go; then the new file takes the name. A crash in between
  // leaves one whole state or the other.
  const std::unique_ptr<DurableFile> folded = fold_companions(target);
  std::vector<std::string> kept = keep_aside(target, now, why);
  if (folded) {
    give_ownership(target, folded->fd());
    folded->commit(OnExisting::kReplace);
  }
  remove_companions(target);
  file.commit(OnExisting::kReplace);
  return kept;
}

std::optional<std::string> keep_file_aside(const fs::path& file, WallTime now) {
  std::string name = free_name(file, now, "restore");
  return keep(file, name) ? std::optional(std::move(name)) : std::nullopt;
}

bool is_kept_aside(std::string_view file_name) {
  constexpr std::string_view kMark = ".before-";
  const std::size_t mark = file_name.rfind(kMark);
  if (mark == std::string_view::npos || mark == 0) return false;
  std::string shape(file_name.substr(mark + kMark.size()));  // rows-20261128T213000.250Z.db
  const std::size_t why = shape.find_first_not_of("abcdefghijklmnopqrstuvwxyz");
  std::ranges::replace_if(shape, [](char c) { return c >= '0' && c <= '9'; }, '0');
  return why > 0 && why != std::string::npos && shape.substr(why).starts_with("-00000000T000000") &&
         shape.find('Z', why) != std::string::npos;
}

}  // namespace litewright
