#include "operate/cold_copies.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "archive/byte_stream.h"
#include "archive/copy_record.h"
#include "base/durable_file.h"
#include "base/error.h"
#include "base/file_copy_linux.h"
#include "base/shell_words.h"
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

// Or nobody's: what was cut off before its record was written.
bool is_of(const std::string& database, const fs::path& place) {
  try {
    const auto there = read_record(place);
    return !there || there->database == database;
  } catch (const Error&) {
    return false;
  }
}

// The name that it has, or with a number where a copy of another database, or of another day, has that one.
// True: it is there already, from a run that was cut off.
bool find_place(const CopyEntry& copy, const fs::path& folder, fs::path& place) {
  const std::string name = copy.path.filename().string();
  const std::size_t dot = std::min(name.find('.'), name.size());
  place = folder / name;
  for (int number = 2; fs::exists(place); number++) {
    if (is_of(copy.record->database, place) && checksum_of(place) == copy.record->file_checksum) return true;
    place = folder / fmt::format("{}-{}{}", name.substr(0, dot), number, name.substr(dot));
  }
  return false;
}

void put(const CopyEntry& copy, const fs::path& folder) {
  const CopyRecord& record = *copy.record;
  fs::create_directories(folder);
  fs::path place;
  if (!find_place(copy, folder, place)) {
    if (checksum_of(copy.path) != record.file_checksum) {
      throw Error(ErrorCode::kDamaged,
                  copy.path.string() + ": the copy is no longer what its record says, and stays",
                  "what it still holds: litewright verify " + shell_quoted(copy.path.string()));
    }
    DurableFile file(place);
    copy_file_content(copy.path, file.fd(), place);
    file.commit(OnExisting::kFailIfExists);
    if (checksum_of(place) != record.file_checksum) {
      fs::remove(place);
      throw Error(
          ErrorCode::kIo,
          fmt::format("{}: it does not read back as it was; {} stays", place.string(), copy.path.string()),
          "look at that disk");
    }
  }
  write_record(place, record);
}

void move(const CopyEntry& copy, const ColdCopiesRequest& request) {
  put(copy, request.to / month_of(copy.time));
  sync_folder(request.to);
  fs::remove(copy.path);
  fs::remove(record_path(copy.path));
  sync_folder(request.from);
}

}  // namespace

ColdCopiesOutcome move_cold_copies(const ColdCopiesRequest& request) {
  ColdCopiesOutcome outcome;
  std::optional<Error> damaged;  // the others go all the same
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
    try {
      if (!request.dry_run) move(copy, request);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDamaged) throw;
      if (!damaged) damaged = error;
      outcome.left++;
      continue;
    }
    outcome.moved++;
    outcome.bytes += copy.bytes;
    if (request.moved) request.moved(copy);
  }
  if (damaged) throw Error(*damaged);
  return outcome;
}

}  // namespace litewright
