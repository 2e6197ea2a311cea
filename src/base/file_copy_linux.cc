#include "base/file_copy_linux.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>
#include <vector>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace litewright {
namespace {
constexpr std::size_t kChunk = 1 << 20;
}

void copy_file_content(const std::filesystem::path& from, int to, const std::filesystem::path& to_name) {
  const FileDescriptor source = open_file(from, O_RDONLY | O_NONBLOCK);
  struct stat about{};
  if (::fstat(source.get(), &about) != 0) throw error_from_errno(errno, "look at " + from.string());
  if (!S_ISREG(about.st_mode)) throw Error(ErrorCode::kUsage, from.string() + " is not a regular file");
  if (::ioctl(to, FICLONE, source.get()) == 0) return;
  std::vector<std::byte> chunk(kChunk);
  for (std::uint64_t at = 0;;) {
    const std::size_t length = pread_fully(source.get(), chunk, at, from.string());
    if (length == 0) return;
    pwrite_fully(to, Bytes(chunk).first(length), at, to_name.string());
    at += length;
  }
}

}  // namespace litewright
