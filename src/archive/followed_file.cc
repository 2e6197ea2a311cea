#include "archive/followed_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/durable_file.h"
#include "base/error.h"
#include "base/json_text.h"

namespace litewright {

using nlohmann::json;

namespace {
constexpr std::uint64_t kLargest = 4096;
}

std::optional<FileIdentity> identify_file(const std::string& path) {
  struct statx status{};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_INO | STATX_BTIME, &status) != 0) return std::nullopt;
  if ((status.stx_mask & STATX_BTIME) == 0) return std::nullopt;
  return FileIdentity{status.stx_ino,
                      std::int64_t{status.stx_btime.tv_sec} * 1'000'000'000 + status.stx_btime.tv_nsec};
}

std::optional<FileStamp> stamp_file(const std::string& path) {
  struct statx status{};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_MTIME | STATX_SIZE, &status) != 0) return std::nullopt;
  return FileStamp{std::int64_t{status.stx_mtime.tv_sec} * 1'000'000'000 + status.stx_mtime.tv_nsec,
                   status.stx_size};
}

FollowedFile::FollowedFile(const std::string& state_folder, const std::string& archive, std::string database)
    : path_(fmt::format("{}/followed-{:016x}.json", state_folder, checksum64(bytes_of(archive)))),
      database_(std::move(database)) {
  try {
    const json document = parse_json(read_whole_file(path_, kLargest));
    if (!document.is_object() || document.value("database", "") != as_utf8(database_)) return;
    const FileIdentity identity{document.value("inode", std::uint64_t{0}),
                                document.value("born", std::int64_t{0})};
    if (identity != FileIdentity{}) remembered_ = identity;
    disowned_ = document.value("disowned", false);
    known_at_ = WallTime(std::chrono::nanoseconds(document.value("known_at", std::int64_t{0})));
  } catch (const std::exception&) {
    // Missing or not ours: nothing is known.
  }
}

void FollowedFile::remember(WallTime known_at) {
  if (!current_ && !disowned_) return;
  remembered_ = current_;
  known_at_ = known_at;
  disowned_ = false;
  write_down();
}

void FollowedFile::disown() {
  disowned_ = true;
  write_down();
}

void FollowedFile::write_down() const {
  const FileIdentity identity = remembered_.value_or(FileIdentity{});
  const json document = {{"database", database_},
                         {"inode", identity.inode},
                         {"born", identity.born},
                         {"known_at", known_at_.time_since_epoch().count()},
                         {"disowned", disowned_}};
  try {
    write_file_durably(path_, bytes_of(json_text(document) + "\n"));
  } catch (const Error&) {
    // A cache: what is not remembered is found out anew.
  }
}

}  // namespace litewright
