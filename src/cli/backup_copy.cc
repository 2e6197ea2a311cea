// litewright backup DB --to FILE|FOLDER: a plain copy.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "base/progress.h"
#include "base/shell_words.h"
#include "base/time_text.h"
#include "cli/archive_place.h"
#include "cli/plain_copies.h"
#include "cli/stop_signal.h"
#include "operate/make_copy.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kMostThreads = 8;
constexpr const char* kDefaultLabel = "manual";
constexpr const char* kDefaultForm = "db.zst";

fs::path database_file(const Invocation& invocation) {
  const DatabaseLocation location = invocation.database();
  if (location.kind != DatabaseKind::kSqlite) {
    throw Error(ErrorCode::kUsage, location.display + " is a PostgreSQL database; copies are of SQLite files",
                "pg_dump copies it");
  }
  require_database_file(location);
  return fs::canonical(location.path);
}

MakeCopyRequest copy_request(const Invocation& invocation) {
  MakeCopyRequest request;
  const std::string to = *invocation.value("to");
  std::error_code ignored;
  const bool folder = fs::is_directory(to, ignored);
  if (folder) refuse_archive_folder(invocation, to);
  if (!folder && to.ends_with('/')) {
    throw Error(ErrorCode::kCantCreate, "no such folder: " + to, "mkdir -p " + shell_quoted(to));
  }
  if (!folder && invocation.value("form")) {
    throw Error(ErrorCode::kUsage, fmt::format("--form is for copies into a folder, and {} is none", to),
                "a file's form is its suffix: --to FILE.db.zst");
  }
  request.form = folder ? parse_form(invocation.value("form").value_or(kDefaultForm)) : require_form(to);
  request.label = invocation.value("label").value_or(kDefaultLabel);
  require_label(request.label);
  if (invocation.value("name"))
    throw Error(ErrorCode::kUsage, "--name is for the archive, not for plain copies", "--label NAME");
  if (invocation.flag("full-check") && invocation.flag("no-verify")) {
    throw Error(ErrorCode::kUsage, "--full-check and --no-verify exclude each other");
  }
  request.tables = invocation.all("table");
  if (const auto ceiling = invocation.value("wal-ceiling")) request.wal_ceiling = parse_size(*ceiling);
  if (invocation.flag("full-check")) request.check = CopyCheck::kFull;
  if (invocation.flag("no-verify")) request.check = CopyCheck::kNone;
  request.threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, kMostThreads));
  request.database = database_file(invocation);
  request.file = folder ? name_copy_in_folder(to, request, invocation.session.clock.wall()) : fs::path(to);
  return request;
}

void print_report(Output& output, const CopyReport& report, bool wal) {
  const CopyRecord& record = report.record;
  std::string verdict = "not verified";
  if (record.verified_at) verdict = fmt::format("read back, {} ok", record.check);
  output.line(
      fmt::format("{}: {}{}, {} ({})", report.file.string(), format_size(record.file_bytes),
                  record.rows ? fmt::format(", {} rows", *record.rows) : "", verdict,
                  format_duration(std::chrono::duration_cast<std::chrono::nanoseconds>(report.seconds))));
  output.line(
      fmt::format("as of {}; {} held {}{}", format_local_time(record.taken_at, Precision::kMilliseconds),
                  wal ? "read mark" : "SHARED lock", format_duration(report.hold.age),
                  wal ? fmt::format(", {} of the WAL pinned", format_size(report.hold.pinned_bytes)) : ""));
}

// Draws one bar a stage.
class Stages {
 public:
  explicit Stages(const Session& session) : session_(session) {}
  void operator()(const char* stage, std::uint64_t done, std::uint64_t all) {
    const std::lock_guard lock(mutex_);  // the check runs beside the rest
    if (stop_.requested()) throw Error(ErrorCode::kLocked, "stopped; no copy was made", "run it again");
    if (all == 0 && done == 0) return;
    if (stage_ != stage) {
      stage_ = stage;
      bar_.emplace(session_.output.progress_stream(), session_.clock,
                   Progress::Options{.label = stage,
                                     .unit = all > 0 ? Progress::Unit::kBytes : Progress::Unit::kItems});
    }
    bar_->set_total(all);
    bar_->advance(done - std::min(done, bar_->done()));
  }

 private:
  const Session& session_;
  const StopSignal stop_;  // Ctrl-C: the unfinished copy goes
  std::mutex mutex_;
  std::string stage_;
  std::optional<Progress> bar_;
};

}  // namespace

std::vector<Option> backup_copy_options() {
  return {{.name = "to",
           .value = "FILE|FOLDER",
           .help = "a plain copy instead, for any other tool: .db, .db.zst, .db.gz, .sql or .sql.gz"},
          {.name = "form",
           .value = "FORM",
           .help = "of a copy into a folder; default db.zst",
           .choices = {"db", "db.zst", "db.gz", "sql", "sql.gz"}},
          {.name = "label", .value = "TEXT", .help = "in the name of a copy in a folder; default manual"},
          {.name = "table",
           .value = "NAME",
           .help = "copy only this table (several times: these)",
           .repeatable = true},
          {.name = "wal-ceiling",
           .value = "SIZE",
           .help = "give a copy up rather than pin more of the WAL; default 1GiB"},
          {.name = "full-check", .help = "check the copy with integrity_check instead of quick_check"},
          {.name = "no-verify", .help = "neither read the copy back nor check it"}};
}

int run_backup_copy(const Invocation& invocation) {
  MakeCopyRequest request = copy_request(invocation);
  CopyReport report;
  {
    Stages stages(invocation.session);
    request.progress = std::ref(stages);
    report = make_copy(request, invocation.session.clock);
  }
  Output& output = invocation.session.output;
  print_report(output, report, report.wal);
  nlohmann::ordered_json document = {{"file", report.file.string()}};
  const nlohmann::ordered_json record = record_to_json(report.record);
  for (const auto& [key, value] : record.items()) {
    if (key != "schema") document[key] = value;
  }
  document["held_seconds"] = std::chrono::duration<double>(report.hold.age).count();
  document["pinned_bytes"] = report.hold.pinned_bytes;
  document["seconds"] = report.seconds.count();
  output.document(document, 1, "copy");
  return 0;
}

}  // namespace litewright
