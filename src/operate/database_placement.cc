#include "operate/database_placement.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <tuple>

#include "base/error.h"
#include "base/time_text.h"

namespace litewright {

namespace fs = std::filesystem;

namespace {

// Keeps what is there under a new name: links first, so that at no moment a file has no name.
std::vector<std::string> keep_aside(const fs::path& target, WallTime now) {
  std::string stamp = format_utc_time(now).substr(0, 19);
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
  std::string kept;
  for (int n = 0; n < 100; n++) {
    kept =
        fmt::format("{}.before-restore-{}Z{}", target.string(), stamp, n == 0 ? "" : fmt::format("-{}", n));
    if (!fs::exists(fs::symlink_status(kept))) break;
  }
  std::vector<std::string> names;
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    const std::string from = target.string() + suffix;
    const std::string to = kept + suffix;
    if (::link(from.c_str(), to.c_str()) == 0) {
      names.push_back(to);
    } else if (errno != ENOENT) {
      const int error_number = errno;
      for (const std::string& name : names) ::unlink(name.c_str());
      throw error_from_errno(error_number, fmt::format("keep {} as {}", from, to));
    }
  }
  sync_folder(target.parent_path());
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

// The new file did not get its name: the old one has its -wal and -journal again.
void put_companions_back(const fs::path& target, const std::vector<std::string>& kept) {
  for (const std::string& name : kept) {
    const std::size_t dash = name.rfind('-');
    const std::string suffix = dash == std::string::npos ? "" : name.substr(dash);
    if (suffix == "-wal" || suffix == "-journal")
      std::ignore = ::link(name.c_str(), (target.string() + suffix).c_str());
  }
}

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
                                      const ProcessTable& processes, WallTime now) {
  give_ownership(target, file.fd());
  refuse_while_open(processes, target);
  std::vector<std::string> kept = keep_aside(target, now);
  try {
    remove_companions(target);
    file.commit(OnExisting::kReplace);
  } catch (const Error&) {
    put_companions_back(target, kept);
    throw;
  }
  return kept;
}

}  // namespace litewright
