#include "archive/copy_unpack.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <memory>
#include <vector>

#include "archive/byte_stream.h"
#include "archive/content_hash.h"
#include "archive/gzip_stream.h"
#include "archive/sql_dump.h"
#include "archive/zstd_stream.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/shell_words.h"
#include "base/time_text.h"
#include "sqlite/sql_script.h"

namespace litewright {
namespace {

enum class Packing { kNone, kZstd, kGzip };

Packing packing_of(int fd, const std::string& name) {
  std::array<std::byte, 4> beginning{};
  if (pread_fully(fd, beginning, 0, name) < beginning.size()) return Packing::kNone;
  const std::uint32_t magic = load_be32(Bytes(beginning), 0);
  if (magic == 0x28b52ffd || (magic & 0xf0ffffff) == 0x502a4d18)
    return Packing::kZstd;  // a frame, or one to skip
  return magic >> 16 == 0x1f8b ? Packing::kGzip : Packing::kNone;
}

CopyForm form_of(Packing packing, bool sql, const std::string& name) {
  if (sql && packing == Packing::kZstd) {
    throw Error(ErrorCode::kUsage, name + " is SQL in zstd, which is none of the forms",
                "unpack it first: zstd -d " + name);
  }
  if (sql) return packing == Packing::kGzip ? CopyForm::kSqlGz : CopyForm::kSql;
  return packing == Packing::kZstd   ? CopyForm::kDbZst
         : packing == Packing::kGzip ? CopyForm::kDbGz
                                     : CopyForm::kDb;
}

// The copy's bytes, unpacked, in pieces of PageSummer::kPieceBytes.
class Pieces {
 public:
  Pieces(int fd, const std::string& name, const CopyProgress& progress)
      : progress_(progress), file_(fd, name), packing_(packing_of(fd, name)) {
    struct stat status{};
    if (::fstat(fd, &status) == 0) all_ = static_cast<std::uint64_t>(status.st_size);
    if (packing_ == Packing::kZstd) unpacked_ = std::make_unique<ZstdSource>(file_, name);
    if (packing_ == Packing::kGzip) unpacked_ = std::make_unique<GzipSource>(file_, name);
  }

  Bytes next() {
    ByteSource& source = unpacked_ ? *unpacked_ : static_cast<ByteSource&>(file_);
    const std::size_t got = source.read(buffer_);
    if (progress_) progress_(file_.bytes(), all_);
    return Bytes(buffer_).first(got);
  }

  Packing packing() const { return packing_; }
  const FileSource& file() const { return file_; }

 private:
  const CopyProgress& progress_;
  FileSource file_;
  Packing packing_;
  std::uint64_t all_ = 0;
  std::unique_ptr<ByteSource> unpacked_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(PageSummer::kPieceBytes);
};

void unpack_pages(Pieces& pieces, Bytes piece, const std::string& name, DurableFile* out,
                  UnpackedCopy& copy) {
  PageSummer summer(name);
  for (; !piece.empty(); piece = pieces.next()) {
    summer.add(piece);
    if (out != nullptr) out->append(piece);
  }
  copy.pages = summer.summary();
}

// Nothing else can look at the file before it is whole, and a failure throws it away: no journal, no sync.
void load_sql(Pieces& pieces, Bytes piece, const std::string& name, DurableFile& out, UnpackedCopy& copy) {
  const bool was_wal = dump_says_wal(text_of(piece));
  try {
    Connection connection(out.temporary().string(), ConnectionOptions{.mode = OpenMode::kReadWrite});
    for (const char* pragma : {"PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF",
                               "PRAGMA cache_size=-16000", "PRAGMA locking_mode=EXCLUSIVE"}) {
      connection.execute(pragma);
    }
    {
      SqlScript script(connection);
      for (; !piece.empty(); piece = pieces.next()) {
        if (text_of(piece).find('\0') != std::string_view::npos) {
          throw Error(
              ErrorCode::kDamaged,
              "it does not begin as a database, and as SQL it can't be read: it holds NUL characters");
        }
        script.feed(text_of(piece));
      }
      script.finish();
    }
    const ContentHash content = hash_content(connection);
    copy.content_hash = content.hash;
    copy.rows = content.rows;
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", name, error.what()), error.hint());
  }
  constexpr std::array kWalVersions = {std::byte{2}, std::byte{2}};
  constexpr std::uint64_t kVersionsOffset = 18;  // of the header: file format write and read version
  struct stat status{};
  if (was_wal && ::fstat(out.fd(), &status) == 0 && status.st_size > 0)
    out.pwrite(kWalVersions, kVersionsOffset);
  copy.pages = read_database_file(out.fd(), name, nullptr, {});
}

}  // namespace

PagesSummary read_database_file(int fd, const std::string& name, ByteSink* sink,
                                const CopyProgress& progress) {
  struct stat status{};
  const auto all = ::fstat(fd, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
  PageSummer summer(name);
  std::vector<std::byte> buffer(PageSummer::kPieceBytes);
  for (std::uint64_t done = 0;;) {
    const std::size_t got = pread_fully(fd, buffer, done, name);
    if (got == 0) return summer.summary();
    summer.add(Bytes(buffer).first(got));
    if (sink != nullptr) sink->write(Bytes(buffer).first(got));
    done += got;
    if (progress) progress(done, all);
  }
}

UnpackedCopy unpack_copy(int fd, const std::filesystem::path& path, DurableFile* out,
                         const CopyProgress& progress) {
  const std::string name = path.string();
  Pieces pieces(fd, name, progress);
  UnpackedCopy copy;
  const Bytes first = pieces.next();
  const auto by_name = form_by_suffix(path.filename().string());
  const bool sql = first.empty() ? by_name && is_sql(*by_name) : !begins_as_database(first);
  copy.form = form_of(pieces.packing(), sql, name);
  if (!sql) {
    unpack_pages(pieces, first, name, out, copy);
  } else if (first.empty()) {
    throw Error(ErrorCode::kDamaged, name + " is empty");
  } else {
    if (out == nullptr) throw Error(ErrorCode::kInternal, name + ": SQL needs a file to be loaded into");
    load_sql(pieces, first, name, *out, copy);
  }
  copy.file_bytes = pieces.file().bytes();
  copy.file_checksum = pieces.file().checksum();
  return copy;
}

UnpackedCopy unpack_copy(const std::filesystem::path& path, DurableFile* out, const CopyProgress& progress) {
  const FileDescriptor file = open_file(path, O_RDONLY);
  return unpack_copy(file.get(), path, out, progress);
}

void hold_against_record(const UnpackedCopy& copy, const CopyRecord& record,
                         const std::filesystem::path& path) {
  const auto differs = [&](const std::string& what) {
    throw Error(ErrorCode::kDamaged, fmt::format("{}: {}", path.string(), what),
                "take another copy: litewright log " +
                    (path.has_parent_path() ? shell_quoted(path.parent_path().string()) : "."));
  };
  if (copy.file_bytes != record.file_bytes) {
    differs(fmt::format("it is {} bytes long, {} were recorded", copy.file_bytes, record.file_bytes));
  }
  if (copy.file_checksum != record.file_checksum) {
    differs(fmt::format("its bytes are not those recorded: checksum {:016x}, not {:016x}", copy.file_checksum,
                        record.file_checksum));
  }
  if (!is_sql(copy.form) && record.checksum && copy.pages.checksum != *record.checksum) {
    differs(fmt::format("its pages are not those recorded: checksum {}, not {}", copy.pages.checksum.hex(),
                        record.checksum->hex()));
  }
  if (is_sql(copy.form) && record.content_hash && copy.content_hash &&
      *copy.content_hash != *record.content_hash) {
    differs(fmt::format("it gives another content than recorded: hash {:016x}, not {:016x}",
                        *copy.content_hash, *record.content_hash));
  }
}

}  // namespace litewright
