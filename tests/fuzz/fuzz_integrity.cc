// A whole database file of any bytes: its integrity is judged, and what is judged sound SQLite reads too.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/work_limit.h"
#include "check/integrity.h"
#include "require.h"

using namespace litewright;

namespace {

const SystemClock kClock;

// Beside nobody else's: one file a process, in memory where the system has such a folder.
std::string file_path() {
  static const std::string path = [] {
    const std::filesystem::path shared = "/dev/shm";
    const auto folder =
        std::filesystem::is_directory(shared) ? shared : std::filesystem::temp_directory_path();
    return (folder / ("litewright-fuzz-" + std::to_string(getpid()) + ".db")).string();
  }();
  return path;
}

void write_file(Bytes content) {
  const FileDescriptor file = open_file(file_path(), O_WRONLY | O_CREAT | O_TRUNC);
  pwrite_fully(file.get(), content, 0, file_path());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 512) return 0;
  write_file(fuzz_input(data, std::min<std::size_t>(size, 1 << 20)));
  try {
    PageSnapshot snapshot(file_path(), kClock);
    SnapshotPages pages(snapshot);
    const SchemaMap schema = read_schema_map(snapshot.connection());
    const WorkLimit limit(std::chrono::seconds(2));
    const IntegrityReport report = check_integrity(
        pages, schema, {.database = "fuzz", .threads = 1, .give_up = [&] { return limit.spent(); }});
    require(report.findings.size() <= 100);
    if (report.sound() && schema.unparsed.empty()) {
      for (const SchemaTable& table : schema.tables) require(table.root_page.value <= pages.page_count());
    }
  } catch (const Error& error) {
    require(error.code() != ErrorCode::kInternal);
  }
  std::error_code ignored;
  for (const char* const suffix : {"-wal", "-shm", "-journal"}) {
    std::filesystem::remove(file_path() + suffix, ignored);
  }
  return 0;
}
