#include "operate/cold_copies.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

#include "archive/byte_stream.h"
#include "archive/copy_record.h"
#include "base/durable_file.h"
#include "base/error.h"
#include "base/file_copy_linux.h"
#include "base/time_text.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

std::uint64_t checksum_of(const fs::path& file) {
  const FileDescriptor descriptor = open_file(file, O_RDONLY);
  FileSource source(descriptor.get(), file.string());
  std::vector<std::byte> piece(1u << 20);
  while (source.read(piece) > 0) {
  }
  return source.checksum();
}

// "202611"
std::string month_of(WallTime time) {
  std::string text = format_utc_time(time).substr(0, 7);
  std::erase(text, '-');
  return text;
}

void put(const CopyEntry& copy, const fs::path& target) {
  const CopyRecord& record = *copy.record;
  if (!fs::exists(target)) {
    DurableFile file(target);
    copy_file_content(copy.path, file.fd(), target);
    file.commit(OnExisting::kFailIfExists);
  }
  if (checksum_of(target) == record.file_checksum) {
    write_record(target, record);
    return;
  }
  const bool damaged = checksum_of(copy.path) != record.file_checksum;
  throw Error(
      damaged ? ErrorCode::kDamaged : ErrorCode::kIo,
      fmt::format("{}: {}; {} stays", target.string(),
                  damaged ? "the copy is no longer what its record says" : "it does not read back as it was",
                  copy.path.string()),
      "remove that file, then run it again");
}

}  // namespace

ColdCopiesOutcome move_cold_copies(const ColdCopiesRequest& request) {
  ColdCopiesOutcome outcome;
  const std::vector<CopyEntry> copies = list_copies(request.from);
  std::map<std::string, fs::path> newest;  // by database; the list is in the order of time
  for (const CopyEntry& copy : copies)
    newest[copy.record ? copy.record->database : copy.name.database] = copy.path;
  for (const CopyEntry& copy : copies) {
    if (copy.time >= request.cutoff) continue;
    if (!copy.record || !copy.trouble.empty()) {
      outcome.left++;
      continue;
    }
    if (newest.at(copy.record->database) == copy.path) continue;
    outcome.moved++;
    outcome.bytes += copy.bytes;
    if (request.moved) request.moved(copy);
    if (request.dry_run) continue;
    const fs::path folder = request.to / month_of(copy.time);
    fs::create_directories(folder);
    put(copy, folder / copy.path.filename());
    sync_folder(request.to);
    fs::remove(copy.path);
    fs::remove(record_path(copy.path));
    sync_folder(request.from);
  }
  return outcome;
}

}  // namespace litewright
