#include "operate/make_copy.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <memory>
#include <optional>

#include "archive/byte_stream.h"
#include "archive/copy_pages.h"
#include "archive/copy_unpack.h"
#include "archive/gzip_stream.h"
#include "archive/sql_dump.h"
#include "archive/zstd_stream.h"
#include "base/bytes.h"
#include "base/durable_file.h"
#include "base/error.h"
#include "base/shell_words.h"
#include "base/time_text.h"
#include "operate/source_file.h"
#include "sqlite/sql_script.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

fs::path folder_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

void require_free_name(const fs::path& file) {
  if (!fs::exists(fs::symlink_status(file))) return;
  throw Error(ErrorCode::kCantCreate, fmt::format("create {}: it exists", file.string()),
              "name another file, or a folder: then each copy gets a name of its own");
}

void require_room(const fs::path& folder, std::uint64_t bytes) {
  struct statvfs status{};
  if (::statvfs(folder.c_str(), &status) != 0) return;
  const std::uint64_t free = std::uint64_t{status.f_bavail} * status.f_frsize;
  if (free >= bytes) return;
  throw Error(ErrorCode::kIo,
              fmt::format("{}: {} are free, a copy needs {} there while it is made", folder.string(),
                          format_size(free), format_size(bytes)),
              "free some disk space, or copy to another disk");
}

// Whoever may read the database may read its copy.
void set_mode(const DurableFile& out, const fs::path& database) {
  struct stat status{};
  if (::stat(database.c_str(), &status) != 0) return;
  const mode_t mask = ::umask(077);
  ::umask(mask);
  ::fchmod(out.fd(), status.st_mode & 0666 & ~mask);
}

// What is read next comes from the disk, as far as the system does what it is told.
void forget_cached(const DurableFile& file) {
  if (::fsync(file.fd()) != 0) throw error_from_errno(errno, "fsync " + file.target().string());
  ::posix_fadvise(file.fd(), 0, 0, POSIX_FADV_DONTNEED);
}

class Maker {
 public:
  Maker(const MakeCopyRequest& request, const Clock& clock)
      : request_(request), began_(clock.steady()), clock_(clock), out_(request.file, 0600) {
    report_.file = request.file;
    report_.record = {.database = request.database.string(),
                      .form = request.form,
                      .label = request.label,
                      .tables = request.tables};
  }

  CopyReport run() {
    if (request_.tables.empty()) {
      copy_whole();
    } else {
      copy_tables();
    }
    set_mode(out_, request_.database);
    if (request_.check != CopyCheck::kNone) {
      report_.record.check = check_name(request_.check);
      report_.record.verified_at = clock_.wall();
    }
    out_.commit(OnExisting::kFailIfExists);
    write_record(request_.file, report_.record);
    report_.seconds = clock_.steady() - began_;
    return std::move(report_);
  }

 private:
  CopyProgress stage(const char* name) const {
    return [this, name](std::uint64_t done, std::uint64_t all) {
      if (request_.progress) request_.progress(name, done, all);
    };
  }

  void copy_whole() {
    if (request_.form == CopyForm::kDb) {
      take_pages(out_);
      finish_plain();
      return;
    }
    auto scratch = std::make_unique<DurableFile>(request_.file, 0600);  // never gets the name
    take_pages(*scratch);
    if (!is_sql(request_.form)) {
      finish_packed(*scratch);
      return;
    }
    check(*scratch);  // what is damaged can still be read, as something else
    Connection connection(scratch->temporary().string(), ConnectionOptions{.mode = OpenMode::kImmutable});
    dump_into_out(connection, [this](std::uint64_t rows) { stage("dump rows")(rows, 0); });
    finish_sql();
  }

  // SQLite takes a file with less than a page for a database without tables.
  void require_pages(const PageSnapshot& snapshot) const {
    if (snapshot.page_count() > 0) return;
    throw Error(ErrorCode::kDamaged,
                fmt::format("{} has no whole page: there is nothing to copy", request_.database.string()),
                fmt::format("restore it: litewright restore {}, or with --from COPY",
                            shell_quoted(request_.database.string())));
  }

  // The only time that the live database is read.
  void take_pages(DurableFile& into) {
    PageSnapshot snapshot(request_.database.string(), clock_);
    require_pages(snapshot);
    require_room(folder_of(request_.file), std::uint64_t{snapshot.page_count()} * snapshot.page_size());
    const CopyProgress progress = stage("copy");
    const PagesSummary pages = copy_pages(snapshot, into, [&](std::uint64_t done, std::uint64_t all) {
      keep_below_ceiling(snapshot, request_.wal_ceiling);
      progress(done, all);
    });
    report_.wal = snapshot.wal();
    report_.record.taken_at = snapshot.taken_at();
    report_.hold = snapshot.release();
    set_pages(pages);
  }

  void set_pages(const PagesSummary& pages) {
    report_.record.page_size = pages.page_size;
    report_.record.pages = pages.pages;
    if (!is_sql(request_.form)) report_.record.checksum = pages.checksum;
  }

  // Some tables: as SQL, or as a database made by executing that.
  void copy_tables() {
    PageSnapshot snapshot(request_.database.string(), clock_);
    require_pages(snapshot);
    report_.wal = snapshot.wal();
    report_.record.taken_at = snapshot.taken_at();
    const auto meanwhile = [&](std::uint64_t rows) {
      keep_below_ceiling(snapshot, request_.wal_ceiling);
      stage("dump rows")(rows, 0);
    };
    if (is_sql(request_.form)) {
      dump_into_out(snapshot.connection(), meanwhile);
      report_.hold = snapshot.release();
      finish_sql();
      return;
    }
    std::optional<DurableFile> scratch;
    if (request_.form != CopyForm::kDb) scratch.emplace(request_.file, 0600);
    DurableFile& database = scratch ? *scratch : out_;
    load_tables(snapshot.connection(), database, meanwhile);
    report_.hold = snapshot.release();
    set_pages(read_database_file(database.fd(), request_.file.string(), nullptr, stage("read")));
    if (scratch) {
      finish_packed(*scratch);
    } else {
      finish_plain();
    }
  }

  ContentHash dump(Connection& connection, const std::function<void(std::uint64_t)>& meanwhile,
                   const SqlOut& out) {
    const SqlDumpOptions options{
        .tables = request_.tables, .journal_mode = report_.wal ? "wal" : "delete", .progress = meanwhile};
    const ContentHash content = dump_sql(connection, options, out);
    report_.record.content_hash = content.hash;
    report_.record.rows = content.rows;
    return content;
  }

  void dump_into_out(Connection& connection, const std::function<void(std::uint64_t)>& meanwhile) {
    FileSink file(out_);
    std::optional<GzipSink> gzip;
    if (request_.form == CopyForm::kSqlGz) gzip.emplace(file, request_.threads);
    ByteSink& sink = gzip ? static_cast<ByteSink&>(*gzip) : file;
    dump(connection, meanwhile, [&](std::string_view text) { sink.write(bytes_of(text)); });
    sink.finish();
    set_file(file);
  }

  void load_tables(Connection& from, DurableFile& into, const std::function<void(std::uint64_t)>& meanwhile) {
    Connection target(into.temporary().string(), ConnectionOptions{.mode = OpenMode::kReadWrite});
    for (const char* pragma :
         {"PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA locking_mode=EXCLUSIVE"}) {
      target.execute(pragma);
    }
    ContentHash content;
    {
      SqlScript script(target);
      content = dump(from, meanwhile, [&](std::string_view text) { script.feed(text); });
      script.finish();
    }
    if (const ContentHash loaded = hash_content(target); loaded.hash != content.hash) {
      throw Error(
          ErrorCode::kDamaged,
          fmt::format("{}: the tables came out otherwise than they were: content hash {:016x}, not {:016x}",
                      request_.file.string(), loaded.hash, content.hash));
    }
  }

  void set_file(const FileSink& file) {
    report_.record.file_bytes = file.bytes();
    report_.record.file_checksum = file.checksum();
  }

  void check(const DurableFile& database) const {
    if (request_.progress && request_.check != CopyCheck::kNone) request_.progress("check", 0, 0);
    try {
      check_database_file(database.temporary(), request_.check);
    } catch (const Error& error) {
      // Nothing between the database and here changed a byte: the database itself is so.
      throw Error(error.code(), fmt::format("a copy of {}: {}", request_.database.string(), error.what()),
                  "the database itself is damaged; a copy of it as it is: --no-verify");
    }
  }

  // out_ is the database.
  void finish_plain() {
    check(out_);
    if (request_.check != CopyCheck::kNone) forget_cached(out_);
    Checksum64Stream all;
    struct Hashing final : ByteSink {
      explicit Hashing(Checksum64Stream& stream) : to(stream) {}
      void write(Bytes data) override { to.add(data), bytes += data.size(); }
      void finish() override {}
      Checksum64Stream& to;
      std::uint64_t bytes = 0;
    } hashing(all);
    const PagesSummary back =
        read_database_file(out_.fd(), request_.file.string(), &hashing, stage("read back"));
    report_.record.file_bytes = hashing.bytes;
    report_.record.file_checksum = all.value();
    require_same(back);
  }

  // `database` packed into out_, checked meanwhile, and out_ read back.
  void finish_packed(const DurableFile& database) {
    std::future<void> checked = std::async(std::launch::async, [&] { check(database); });
    FileSink file(out_);
    std::unique_ptr<ByteSink> sink;
    if (request_.form == CopyForm::kDbZst) {
      sink = std::make_unique<ZstdSink>(file, request_.threads);
    } else {
      sink = std::make_unique<GzipSink>(file, request_.threads);
    }
    require_same(read_database_file(database.fd(), request_.file.string(), sink.get(), stage("compress")));
    sink->finish();
    set_file(file);
    if (request_.check != CopyCheck::kNone) {
      forget_cached(out_);
      require_same(unpack_copy(out_.fd(), request_.file, nullptr, stage("read back")).pages);
    }
    checked.get();
  }

  void require_same(const PagesSummary& back) const {
    if (back.pages == report_.record.pages && back.checksum == *report_.record.checksum) return;
    throw Error(ErrorCode::kDamaged,
                fmt::format("{} does not read back as it was written: {} pages, checksum {}, not {} and {}",
                            request_.file.string(), back.pages, back.checksum.hex(), report_.record.pages,
                            report_.record.checksum->hex()),
                "is that disk sound?");
  }

  UnpackedCopy load_again(DurableFile& loaded) const {
    try {
      return unpack_copy(out_.fd(), request_.file, &loaded, stage("load again"));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDamaged) throw;
      throw Error(error.code(), error.what(),
                  "as SQL it can't be loaded again, not by others either: copy it as .db, .db.zst or .db.gz");
    }
  }

  // out_, loaded again, is sound and says what the database says.
  void finish_sql() {
    if (request_.check == CopyCheck::kNone) return;
    forget_cached(out_);
    DurableFile loaded(request_.file, 0600);  // never gets the name
    const UnpackedCopy back = load_again(loaded);
    report_.record.page_size = back.pages.page_size;
    report_.record.pages = back.pages.pages;
    check(loaded);
    hold_against_record(back, report_.record, request_.file);
  }

  const MakeCopyRequest& request_;
  const SteadyTime began_;
  const Clock& clock_;
  DurableFile out_;
  CopyReport report_;
};

}  // namespace

fs::path name_copy_in_folder(const fs::path& folder, const MakeCopyRequest& request, WallTime now) {
  constexpr int kMostInASecond = 1000;
  const CopyName name{.database = database_stem(request.database),
                      .whole = request.tables.empty(),
                      .label = request.label,
                      .time = now,
                      .form = request.form};
  for (int number = 1; number <= kMostInASecond; number++) {
    const fs::path file = folder / format_copy_name(name, number);
    if (!fs::exists(fs::symlink_status(file))) return file;
  }
  throw Error(ErrorCode::kCantCreate,
              fmt::format("{}: {} copies have this second's name", folder.string(), kMostInASecond));
}

CopyReport make_copy(const MakeCopyRequest& request, const Clock& clock) {
  require_free_name(request.file);
  require_database_source(request.database, Beside::kMayMend);
  std::error_code missing;
  if (fs::is_directory(folder_of(request.file), missing))
    remove_abandoned_temporaries(folder_of(request.file));
  return Maker(request, clock).run();
}

}  // namespace litewright
