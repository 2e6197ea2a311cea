#include "base/file_descriptor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"

namespace litewright {

namespace {

// One transfer is at most this long: Linux cuts at 0x7ffff000 anyway.
constexpr std::size_t kLongestTransfer = 1u << 30;
constexpr std::size_t kReadStep = 64u << 10;

}  // namespace

void FileDescriptor::reset(int fd) {
  // Linux frees the number even where close() reports EINTR: closing again could hit another thread's file.
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

FileDescriptor open_file(const std::filesystem::path& path, int flags, mode_t mode) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) throw error_from_errno(errno, "open " + path.string());
  return FileDescriptor(fd);
}

void pwrite_fully(int fd, Bytes data, std::uint64_t offset, const std::string& name) {
  while (!data.empty()) {
    const ssize_t wrote =
        ::pwrite(fd, data.data(), std::min(data.size(), kLongestTransfer), static_cast<off_t>(offset));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) throw error_from_errno(errno, "write " + name);
    if (wrote == 0) throw Error(ErrorCode::kIo, "write " + name + ": the file takes no more bytes");
    data = data.subspan(static_cast<std::size_t>(wrote));
    offset += static_cast<std::uint64_t>(wrote);
  }
}

std::size_t pread_fully(int fd, MutableBytes out, std::uint64_t offset, const std::string& name) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = ::pread(fd, out.data() + done, std::min(out.size() - done, kLongestTransfer),
                                static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw error_from_errno(errno, "read " + name);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

std::string read_whole_file(const std::filesystem::path& path, std::uint64_t limit) {
  const FileDescriptor file = open_file(path, O_RDONLY);
  std::string content;
  // read(2), not pread: files of /proc have no size and some no offset.
  while (content.size() <= limit) {
    const std::size_t before = content.size();
    content.resize(before + kReadStep);
    const ssize_t got = ::read(file.get(), content.data() + before, kReadStep);
    const int error_number = errno;
    content.resize(before + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got < 0 && error_number == EINTR) continue;
    if (got < 0) throw error_from_errno(error_number, "read " + path.string());
    if (got == 0) return content;
  }
  throw Error(ErrorCode::kDamaged, fmt::format("read {}: longer than {} bytes", path.string(), limit));
}

}  // namespace litewright
