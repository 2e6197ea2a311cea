#include "operate/restored_check.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cstring>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "sqlite/connection.h"

namespace litewright {

namespace {

constexpr char kMagic[] = "SQLite format 3";  // with its zero byte, 16 bytes

}  // namespace

std::optional<std::string> check_restored(const std::filesystem::path& file, const RestoredCheck& wanted) {
  if (!wanted.quick_check && !wanted.probe) return std::nullopt;
  Connection connection(file.string(), ConnectionOptions{.mode = OpenMode::kImmutable});
  if (wanted.quick_check) {
    const std::string verdict = connection.query_text("PRAGMA quick_check(1)");
    if (verdict != "ok") {
      throw Error(ErrorCode::kDamaged, fmt::format("the restored database fails quick_check: {}", verdict),
                  "restore an earlier point: litewright log DB");
    }
  }
  if (!wanted.probe) return std::nullopt;
  Statement probe = connection.prepare(*wanted.probe);
  if (!probe.step()) {
    throw Error(ErrorCode::kDamaged, fmt::format("the probe gave no row: {}", *wanted.probe));
  }
  return probe.text(0);
}

bool is_plain_sqlite(const std::filesystem::path& file) {
  const FileDescriptor opened = open_file(file, O_RDONLY);
  std::byte begin[sizeof kMagic];
  return pread_fully(opened.get(), begin, 0, file.string()) == sizeof kMagic &&
         std::memcmp(begin, kMagic, sizeof kMagic) == 0;
}

}  // namespace litewright
