#include "locks/sqlite_library_linux.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace litewright {
namespace {

constexpr std::uint64_t kMostMapsBytes = 16u << 20;
constexpr std::size_t kMostFilesOfOneProcess = 2000;
constexpr std::uint64_t kMostBytesSearched = 512u << 20;  // a browser's own program has a few hundred MB
constexpr std::size_t kPiece = 1u << 20;
constexpr std::size_t kMostFilesRemembered = 20'000;

// Field `number`, 0 is the first, of a row parted by blanks; the last one, 5, is the rest: paths hold blanks.
std::string_view maps_field(std::string_view row, int number) {
  for (int field = 0; field < number; ++field) {
    row.remove_prefix(std::min(row.find(' '), row.size()));
    row.remove_prefix(std::min(row.find_first_not_of(' '), row.size()));
  }
  return number == 5 ? row : row.substr(0, row.find(' '));
}

std::string read_maps(pid_t pid) {
  try {
    return read_whole_file(fmt::format("/proc/{}/maps", pid), kMostMapsBytes);
  } catch (const Error&) {
    return "";  // ended, or not ours to look into: an answer
  }
}

// The mapped file itself, whatever has its name now; without the right to that, the file of that name as the
// process sees it, if it is still the same.
FileDescriptor open_mapped(pid_t pid, const std::string& range, const std::string& path,
                           std::uint64_t inode) {
  for (const std::string& name :
       {fmt::format("/proc/{}/map_files/{}", pid, range), fmt::format("/proc/{}/root{}", pid, path)}) {
    FileDescriptor file(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status = {};
    if (file && ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) &&
        (status.st_ino == inode || name.find("/map_files/") != std::string::npos)) {
      return file;
    }
  }
  return FileDescriptor();
}

}  // namespace

std::vector<SqliteLibraryFinder::MappedFile> SqliteLibraryFinder::code_files(pid_t pid) {
  std::vector<MappedFile> files;
  std::set<std::string> seen;
  const std::string maps = read_maps(pid);
  std::string_view rest = maps;
  while (!rest.empty() && files.size() < kMostFilesOfOneProcess) {
    const std::string_view row = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(row.size() + 1, rest.size()));
    const std::string_view rights = maps_field(row, 1);
    const std::string_view path = maps_field(row, 5);
    if (rights.size() < 3 || rights[2] != 'x' || !path.starts_with('/')) continue;
    if (!seen.insert(std::string(path)).second) continue;
    MappedFile file = {.range = std::string(maps_field(row, 0)), .path = std::string(path)};
    const std::string_view inode = maps_field(row, 4);
    std::from_chars(inode.data(), inode.data() + inode.size(), file.inode);
    files.push_back(std::move(file));
  }
  return files;
}

std::optional<SqliteLibrary> SqliteLibraryFinder::search(pid_t pid, const MappedFile& mapped) {
  const FileDescriptor file = open_mapped(pid, mapped.range, mapped.path, mapped.inode);
  struct stat status = {};
  if (!file || ::fstat(file.get(), &status) != 0) return std::nullopt;
  const FileKey key = {status.st_dev, status.st_ino, status.st_mtim.tv_sec, status.st_size};
  if (by_file_.size() > kMostFilesRemembered) by_file_.clear();
  const auto known = by_file_.find(key);
  if (known != by_file_.end()) return known->second;
  SqliteSearch search;
  std::vector<std::byte> piece(kPiece);
  std::uint64_t offset = 0;
  while (offset < kMostBytesSearched) {
    const std::size_t got = pread_fully(file.get(), piece, offset, mapped.path);
    search.feed(std::span(piece).first(got));
    offset += got;
    if (got < piece.size()) break;
  }
  std::optional<SqliteLibrary> found = search.result();
  if (found) found->file = mapped.path;
  by_file_[key] = found;
  return found;
}

const std::vector<SqliteLibrary>& SqliteLibraryFinder::libraries_of(const FileHolder& process) {
  const ProcessKey key = {process.pid, process.start_ticks};
  const auto known = by_process_.find(key);
  if (known != by_process_.end()) return known->second;
  std::vector<SqliteLibrary>& libraries = by_process_[key];
  if (process.pid <= 0) return libraries;
  for (const MappedFile& file : code_files(process.pid)) {
    try {
      if (auto library = search(process.pid, file)) libraries.push_back(std::move(*library));
    } catch (const Error&) {
      continue;  // a file that can't be read carries nothing that we know of
    }
  }
  return libraries;
}

void SqliteLibraryFinder::keep_only(const std::vector<FileHolder>& processes) {
  std::erase_if(by_process_, [&processes](const auto& entry) {
    return std::ranges::none_of(processes, [&entry](const FileHolder& process) {
      return process.pid == entry.first.first && process.start_ticks == entry.first.second;
    });
  });
}

}  // namespace litewright
