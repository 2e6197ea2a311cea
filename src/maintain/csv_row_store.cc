#include "maintain/csv_row_store.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <span>

#include "base/durable_file.h"
#include "base/error.h"
#include "maintain/row_text.h"

namespace litewright {
namespace {

constexpr std::uint64_t kLongestNote = 256u << 20;
constexpr std::string_view kFirstLine = "litewright unconfirmed 1";

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string on_one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

bool take_word(std::string_view& line, std::string_view word) {
  if (!line.starts_with(word)) return false;
  line.remove_prefix(word.size());
  return true;
}

bool take_number(std::string_view& line, std::uint64_t& number) {
  const auto [end, failure] = std::from_chars(line.data(), line.data() + line.size(), number);
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  return failure == std::errc();
}

}  // namespace

CsvRowStore::CsvRowStore(Options options, const Clock& clock)
    : options_(std::move(options)),
      file_(options_.target.file),
      sidecar_(file_.string() + ".unconfirmed"),
      descriptor_(take_target(options_.target, clock)) {
  options_.source = on_one_line(options_.source);
  refuse_notes_of_others();
  begin_file();
}

void CsvRowStore::refuse_notes_of_others() const {
  const auto there = sidecar();
  if (!there || there->source == options_.source) return;
  throw Error(
      ErrorCode::kLocked,
      fmt::format("{}: a batch of {} was interrupted, and is not settled yet", file_.string(), there->source),
      fmt::format("run rows archive of that table with --to {} again; if its database is gone, see whether "
                  "its last rows here are wanted, then remove {}",
                  file_.string(), sidecar_.string()));
}

void CsvRowStore::begin_file() {
  const std::string packed = options_.pack(csv_line(options_.stored));
  std::string there(packed.size(), '\0');
  const std::size_t length =
      pread_fully(descriptor_.get(), std::as_writable_bytes(std::span(there)), 0, file_.string());
  if (length == 0 || (length < packed.size() && there.starts_with(packed.substr(0, length)))) {
    pwrite_fully(descriptor_.get(), bytes_of(packed), 0, file_.string());
    if (::fsync(descriptor_.get()) != 0) throw error_from_errno(errno, "fsync " + file_.string());
    sync_folder(file_.has_parent_path() ? file_.parent_path() : ".");
  } else if (there != packed) {
    throw Error(ErrorCode::kUsage, file_.string() + ": it holds something else than rows of these columns",
                "name a file that does not exist yet");
  }
}

std::uint64_t CsvRowStore::size() const {
  struct stat status{};
  if (::fstat(descriptor_.get(), &status) != 0) throw error_from_errno(errno, "look at " + file_.string());
  return static_cast<std::uint64_t>(status.st_size);
}

std::optional<CsvRowStore::Sidecar> CsvRowStore::sidecar() const {
  if (!std::filesystem::exists(sidecar_)) return std::nullopt;
  const std::string text = read_whole_file(sidecar_, kLongestNote);
  std::string_view rest = text;
  Sidecar found;
  bool known = take_line(rest) == kFirstLine;
  std::string_view bytes = take_line(rest);
  known = known && take_word(bytes, "bytes ") && take_number(bytes, found.begin) && take_word(bytes, " ") &&
          take_number(bytes, found.end);
  std::string_view source = take_line(rest);
  known = known && take_word(source, "source ");
  if (!known) {
    throw Error(
        ErrorCode::kDamaged, sidecar_.string() + ": not a note of this version of litewright",
        fmt::format("finish with the version that wrote it; or see whether the last rows of {} are still in "
                    "their table, then remove it",
                    file_.string()));
  }
  found.source = source;
  found.note = rest;
  return found;
}

std::optional<RowStore::Interrupted> CsvRowStore::interrupted() {
  const auto there = sidecar();
  if (!there) return std::nullopt;
  return Interrupted{.note = there->note, .whole = size() >= there->end};
}

void CsvRowStore::take_back() {
  const auto there = sidecar();
  if (!there) return;
  if (size() > there->end) {
    throw Error(ErrorCode::kIo,
                file_.string() + ": it has grown since its last batch was interrupted; nothing was cut",
                fmt::format("see what stands behind byte {}, cut the file to {}, and run it again",
                            there->end, there->begin));
  }
  if (size() > there->begin) cut(there->begin);
  confirm();
}

void CsvRowStore::cut(std::uint64_t length) {
  if (::ftruncate(descriptor_.get(), static_cast<off_t>(length)) != 0)
    throw error_from_errno(errno, "cut " + file_.string());
  if (::fsync(descriptor_.get()) != 0) throw error_from_errno(errno, "fsync " + file_.string());
}

void CsvRowStore::confirm() { std::filesystem::remove(sidecar_); }

void CsvRowStore::store(const std::string& note, Statement& rows, int first_column) {
  std::string text;
  while (rows.step()) text += csv_line(rows, first_column, options_.form);
  const std::string packed = options_.pack(text);
  const std::uint64_t begin = size();
  write_file_durably(sidecar_, bytes_of(fmt::format("{}\nbytes {} {}\nsource {}\n{}", kFirstLine, begin,
                                                    begin + packed.size(), options_.source, note)));
  pwrite_fully(descriptor_.get(), bytes_of(packed), begin, file_.string());
  if (::fsync(descriptor_.get()) != 0) throw error_from_errno(errno, "fsync " + file_.string());
  std::string there(packed.size(), '\0');
  pread_fully(descriptor_.get(), std::as_writable_bytes(std::span(there)), begin, file_.string());
  if (there == packed && options_.unpack(there) == text) return;
  take_back();
  throw Error(
      ErrorCode::kIo,
      file_.string() + ": rows do not read back as they were written; nothing of this batch was deleted",
      "is its disk sound?");
}

}  // namespace litewright
