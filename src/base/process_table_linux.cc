#include "base/process_table_linux.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <map>
#include <memory>
#include <span>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/process_origin_linux.h"

namespace litewright {

namespace fs = std::filesystem;

namespace {

// Files of /proc that are read whole. A busy host has a few thousand locks of some 60 bytes.
constexpr std::uint64_t kMostProcBytes = 16u << 20;
constexpr std::size_t kMostCommandLine = 4096;
constexpr std::size_t kMostUserRecord = 64u << 10;

// A file asked for, as the kernel names it.
struct WantedFile {
  fs::path path;
  bool exists = true;  // false: only a deleted file had the name
  bool is_regular = false;
  unsigned device_major = 0;
  unsigned device_minor = 0;
  std::uint64_t inode = 0;
  bool device_may_differ = false;  // /proc/locks may name another device than stat (FACTS 5)
};

// statx without asking a file server: a hung network mount that some process has open must not hang us.
bool identify(const std::string& path, WantedFile& file) {
  struct statx status = {};
  if (::statx(AT_FDCWD, path.c_str(), AT_STATX_DONT_SYNC, STATX_INO | STATX_TYPE, &status) != 0) return false;
  file.device_major = status.stx_dev_major;
  file.device_minor = status.stx_dev_minor;
  file.inode = status.stx_ino;
  file.is_regular = S_ISREG(status.stx_mode);
  return true;
}

std::vector<WantedFile> identify_all(const std::vector<fs::path>& paths) {
  std::vector<WantedFile> files;
  for (const fs::path& path : paths) {
    WantedFile file = {.path = path};
    file.exists = identify(path.string(), file);
    struct statfs system = {};
    if (file.exists && ::statfs(path.c_str(), &system) == 0) {
      file.device_may_differ = system.f_type == BTRFS_SUPER_MAGIC || system.f_type == OVERLAYFS_SUPER_MAGIC;
    }
    files.push_back(std::move(file));
  }
  return files;
}

using Folder = std::unique_ptr<DIR, decltype([](DIR* folder) { ::closedir(folder); })>;

// Names of digits only, as numbers; empty where the folder can't be read, which `readable` tells.
std::vector<int> numbered_entries(const std::string& path, bool& readable) {
  std::vector<int> numbers;
  const Folder folder(::opendir(path.c_str()));
  readable = folder != nullptr;
  if (!readable) return numbers;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string_view name(entry->d_name);
    int number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc() && end == name.data() + name.size()) numbers.push_back(number);
  }
  return numbers;
}

// A file of /proc, or "" where its process has ended or is not ours to look into.
std::string read_proc(const std::string& path) {
  try {
    return read_whole_file(path, kMostProcBytes);
  } catch (const Error&) {
    return "";  // absence is an answer here: processes come and go
  }
}

template <class Act>
void for_each_line(std::string_view text, Act act) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    act(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string user_name(uid_t uid) {
  std::vector<char> buffer(kMostUserRecord);
  passwd record = {};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &record, buffer.data(), buffer.size(), &found) == 0 && found) return found->pw_name;
  return std::to_string(uid);
}

// Seconds since 1970 at which the machine came up; 0 where it is not told.
std::int64_t boot_time() {
  std::int64_t seconds = 0;
  for_each_line(read_proc("/proc/stat"), [&](std::string_view line) {
    if (!line.starts_with("btime ")) return;
    line.remove_prefix(6);
    std::from_chars(line.data(), line.data() + line.size(), seconds);
  });
  return seconds;
}

// Field `number` (4 or higher) of /proc/PID/stat, counted behind the command's closing parenthesis: the
// command may hold blanks. 0 where there is none.
std::uint64_t stat_field(const std::string& stat, int number) {
  std::size_t at = stat.rfind(')');
  if (at == std::string::npos) return 0;
  for (int field = 2; field < number && at != std::string::npos; ++field) at = stat.find(' ', at + 1);
  std::uint64_t value = 0;
  if (at < stat.size()) std::from_chars(stat.data() + at + 1, stat.data() + stat.size(), value);
  return value;
}

// Threads of the kernel have no files, and their folders are closed to all but root.
bool is_kernel_thread(pid_t pid) {
  constexpr int kFlags = 9;
  constexpr std::uint64_t kKernelThread = 0x0020'0000;  // PF_KTHREAD
  return (stat_field(read_proc(fmt::format("/proc/{}/stat", pid)), kFlags) & kKernelThread) != 0;
}

// Arguments with blanks between; what would upset a terminal becomes '?'.
std::string command_line(const std::string& process) {
  std::string text = read_proc(process + "/cmdline").substr(0, kMostCommandLine);
  while (!text.empty() && text.back() == '\0') text.pop_back();
  for (char& c : text) {
    if (c == '\0') c = ' ';
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
  }
  if (!text.empty()) return text;
  std::string name = read_proc(process + "/comm");
  if (!name.empty() && name.back() == '\n') name.pop_back();
  return fmt::format("[{}]", name);
}

void describe_process(FileHolder& holder, std::int64_t booted) {
  const std::string process = fmt::format("/proc/{}", holder.pid);
  constexpr int kStartTime = 22;
  holder.start_ticks = stat_field(read_proc(process + "/stat"), kStartTime);
  if (holder.start_ticks != 0 && booted != 0) {
    const auto ticks_a_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    holder.started = WallTime(std::chrono::seconds(booted) +
                              std::chrono::milliseconds(holder.start_ticks * 1000 / ticks_a_second));
  }
  struct stat status = {};
  if (::stat(process.c_str(), &status) == 0) holder.user = user_name(status.st_uid);
  holder.command_line = command_line(process);
  std::error_code failure;
  holder.executable = fs::read_symlink(process + "/exe", failure).string();
  holder.container = container_of(read_proc(process + "/cgroup"));
  holder.inner_pid = innermost_pid(read_proc(process + "/status"));
}

void add_lock(HeldFile& file, const HeldLock& lock) {
  if (std::ranges::find(file.locks, lock) == file.locks.end()) file.locks.push_back(lock);
}

HeldFile& held_file(std::vector<HeldFile>& files, const fs::path& path, bool open) {
  const auto found = std::ranges::find(files, path, &HeldFile::file);
  if (found != files.end()) return *found;
  return files.emplace_back(HeldFile{.file = path, .open = open, .locks = {}});
}

// What one process has open of the files asked for.
struct OpenFiles {
  std::vector<HeldFile> held;
  std::vector<HeldFile> stale;  // had the name, and is no longer the file there
};

bool same_file(const WantedFile& a, const WantedFile& b) {
  return a.inode == b.inode && a.device_major == b.device_major && a.device_minor == b.device_minor;
}

// The kernel shows it as the link's own permissions.
bool is_for_writing(const std::string& link) {
  struct stat status = {};
  return ::lstat(link.c_str(), &status) != 0 || (status.st_mode & S_IWUSR) != 0;
}

// The name under which a descriptor's file was opened, as the kernel tells it.
std::string opened_name(const std::string& link) {
  constexpr std::string_view kDeleted = " (deleted)";
  std::error_code failure;
  std::string name = fs::read_symlink(link, failure).string();
  if (name.ends_with(kDeleted)) name.resize(name.size() - kDeleted.size());
  return name;
}

// Its fdinfo names the locks by the descriptor's own file, so that no device number needs to be trusted
// (FACTS 5).
OpenFiles files_of_process(pid_t pid, std::span<const WantedFile> wanted, bool& readable) {
  OpenFiles files;
  const std::string process = fmt::format("/proc/{}", pid);
  for (const int fd : numbered_entries(process + "/fd", readable)) {
    WantedFile opened;
    const std::string link = fmt::format("{}/fd/{}", process, fd);
    if (!identify(link, opened) || !opened.is_regular) continue;
    bool is_wanted = false;
    for (const WantedFile& file : wanted) {
      if (!file.exists || !same_file(file, opened)) continue;
      is_wanted = true;
      const bool first = std::ranges::find(files.held, file.path, &HeldFile::file) == files.held.end();
      HeldFile& mine = held_file(files.held, file.path, true);
      mine.for_writing = (!first && mine.for_writing) || is_for_writing(link);
      for_each_line(read_proc(fmt::format("{}/fdinfo/{}", process, fd)), [&](std::string_view line) {
        if (!line.starts_with("lock:")) return;
        if (const auto row = parse_lock_row(line.substr(5))) add_lock(mine, row->lock);
      });
    }
    if (is_wanted) continue;
    const std::string name = opened_name(link);
    for (const WantedFile& file : wanted) {
      if (file.path == name) held_file(files.stale, file.path, true);
    }
  }
  return files;
}

bool is_on(const LockRow& row, const WantedFile& file) {
  if (!file.exists || row.inode != file.inode) return false;
  return file.device_may_differ ||
         (row.device_major == file.device_major && row.device_minor == file.device_minor);
}

// Adds the holders that only /proc/locks knows: processes that can't be looked into, and open-file locks
// whose descriptor was not seen. `looked_into` maps each pid to whether its descriptors could be read.
void add_holders_by_lock(std::map<pid_t, std::vector<HeldFile>>& holders, std::span<const WantedFile> wanted,
                         const std::map<pid_t, bool>& looked_into, OwnProcess own_process) {
  const auto seen_open_file_lock = [&](const fs::path& path, const HeldLock& lock) {
    return std::ranges::any_of(holders, [&](const auto& holder) {
      return std::ranges::any_of(holder.second, [&](const HeldFile& file) {
        return file.file == path && std::ranges::find(file.locks, lock) != file.locks.end();
      });
    });
  };
  for_each_line(read_proc("/proc/locks"), [&](std::string_view line) {
    const auto row = parse_lock_row(line);
    if (!row) return;
    const pid_t pid = std::max<pid_t>(row->pid, 0);
    if (own_process == OwnProcess::kExclude && pid == ::getpid()) return;
    const auto looked = looked_into.find(pid);
    if (looked != looked_into.end() && looked->second) return;
    for (const WantedFile& file : wanted) {
      if (!is_on(*row, file) || (pid == 0 && seen_open_file_lock(file.path, row->lock))) continue;
      add_lock(held_file(holders[pid], file.path, false), row->lock);
    }
  });
}

std::vector<FileHolder> describe_all(std::map<pid_t, std::vector<HeldFile>> by_pid,
                                     const std::vector<fs::path>& files) {
  std::vector<FileHolder> holders;
  const std::int64_t booted = boot_time();
  for (auto& [pid, held] : by_pid) {
    FileHolder holder = {.pid = pid};
    for (const fs::path& path : files) {
      const auto found = std::ranges::find(held, path, &HeldFile::file);
      if (found != held.end()) holder.files.push_back(std::move(*found));
    }
    if (pid != 0) describe_process(holder, booted);
    holders.push_back(std::move(holder));
  }
  return holders;
}

}  // namespace

std::optional<LockRow> parse_lock_row(std::string_view row) {
  constexpr std::size_t kFields = 8;  // N: CLASS ADVISORY MODE PID MAJ:MIN:INODE START END
  std::array<std::string_view, kFields> fields;
  std::size_t count = 0;
  while (count < kFields) {
    row.remove_prefix(std::min(row.find_first_not_of(" \t"), row.size()));
    if (row.empty()) break;
    fields[count] = row.substr(0, row.find_first_of(" \t"));
    row.remove_prefix(fields[count].size());
    if (fields[count] == "->") return std::nullopt;
    ++count;
  }
  if (count != kFields) return std::nullopt;
  const auto number = [](std::string_view text, auto& value, int base) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    return error == std::errc() && end == text.data() + text.size();
  };
  LockRow parsed;
  parsed.lock.kind = fields[1] == "POSIX"    ? HeldLock::Kind::kPosix
                     : fields[1] == "OFDLCK" ? HeldLock::Kind::kOpenFile
                     : fields[1] == "FLOCK"  ? HeldLock::Kind::kFlock
                                             : HeldLock::Kind::kOther;
  parsed.lock.mode = fields[3] == "WRITE" ? HeldLock::Mode::kWrite : HeldLock::Mode::kRead;
  const std::size_t first_colon = fields[5].find(':');
  const std::size_t second_colon = fields[5].find(':', std::min(first_colon, fields[5].size() - 1) + 1);
  if (second_colon == std::string_view::npos) return std::nullopt;
  const bool good =
      number(fields[4], parsed.pid, 10) &&
      number(fields[5].substr(0, first_colon), parsed.device_major, 16) &&
      number(fields[5].substr(first_colon + 1, second_colon - first_colon - 1), parsed.device_minor, 16) &&
      number(fields[5].substr(second_colon + 1), parsed.inode, 10) &&
      number(fields[6], parsed.lock.first, 10) &&
      (fields[7] == "EOF" || number(fields[7], parsed.lock.last, 10));
  if (!good) return std::nullopt;
  return parsed;
}

FileHolders LinuxProcessTable::who_has_open(const std::vector<fs::path>& files,
                                            OwnProcess own_process) const {
  const std::vector<WantedFile> wanted = identify_all(files);
  FileHolders result;
  if (std::ranges::none_of(wanted, &WantedFile::exists)) return result;

  bool readable = false;
  const std::vector<int> pids = numbered_entries("/proc", readable);
  if (!readable) throw error_from_errno(errno, "list /proc");

  std::map<pid_t, std::vector<HeldFile>> holders;
  std::map<pid_t, std::vector<HeldFile>> stale;
  std::map<pid_t, bool> looked_into;
  for (const pid_t pid : pids) {
    if (own_process == OwnProcess::kExclude && pid == ::getpid()) continue;
    OpenFiles opened = files_of_process(pid, wanted, readable);
    // A process that ended meanwhile is not one that hides.
    if (!readable && errno != EACCES && errno != EPERM) continue;
    looked_into[pid] = readable;
    if (!readable && !is_kernel_thread(pid)) ++result.unseen_processes;
    if (!opened.held.empty()) holders[pid] = std::move(opened.held);
    if (!opened.stale.empty()) stale[pid] = std::move(opened.stale);
  }
  add_holders_by_lock(holders, wanted, looked_into, own_process);

  result.holders = describe_all(std::move(holders), files);
  result.stale = describe_all(std::move(stale), files);
  return result;
}

bool LinuxProcessTable::refresh_locks(const std::vector<fs::path>& files, FileHolders& known) const {
  const std::vector<WantedFile> wanted = identify_all(files);
  for (FileHolder& holder : known.holders) {
    for (HeldFile& file : holder.files) {
      std::erase_if(file.locks, [](const HeldLock& lock) { return lock.kind == HeldLock::Kind::kPosix; });
    }
  }
  bool whole = true;
  for_each_line(read_proc("/proc/locks"), [&](std::string_view line) {
    const auto row = parse_lock_row(line);
    if (!row || row->lock.kind != HeldLock::Kind::kPosix || row->pid <= 0) return;
    for (const WantedFile& file : wanted) {
      if (!is_on(*row, file)) continue;
      const auto holder = std::ranges::find(known.holders, row->pid, &FileHolder::pid);
      if (holder == known.holders.end()) {
        whole = false;
      } else {
        add_lock(held_file(holder->files, file.path, false), row->lock);
      }
    }
  });
  return whole;
}

std::optional<ThreadsLook> look_at_threads(pid_t pid) {
  ThreadsLook look;
  look.all_sleep = true;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), failure)) {
    if (++look.count > kMaxThreads) {
      look.all_sleep = false;
      break;
    }
    std::string status;
    try {
      status = read_whole_file(entry.path() / "status", 1 << 16);
    } catch (const Error&) {
      return std::nullopt;  // a thread came or went: look again
    }
    const auto state = status.find("\nState:\t");
    const auto wakes = status.find("\nvoluntary_ctxt_switches:\t");
    if (state == std::string::npos || wakes == std::string::npos) return std::nullopt;
    if (status[state + 8] != 'S') look.all_sleep = false;
    look.wakes += std::strtoull(status.c_str() + wakes + 26, nullptr, 10);
  }
  if (failure || look.count == 0) return std::nullopt;
  return look;
}

}  // namespace litewright
