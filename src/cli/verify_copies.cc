// litewright verify FILE|FOLDER: plain copies.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/finding.h"
#include "base/process_table_linux.h"
#include "base/progress.h"
#include "base/shell_words.h"
#include "base/time_text.h"
#include "cli/plain_copies.h"
#include "cli/stop_signal.h"
#include "operate/restore_copy.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

nlohmann::ordered_json verdict_document(const CopyVerdict& verdict) {
  const CopyEntry& copy = verdict.copy;
  nlohmann::ordered_json document = {{"file", copy.path.string()},
                                     {"sound", verdict.trouble.empty()},
                                     {"recorded", copy.record.has_value()},
                                     {"bytes", copy.bytes}};
  if (!verdict.trouble.empty()) {
    document["trouble"] = verdict.trouble;
    return document;
  }
  document["form"] = std::string(suffix_of(verdict.content.form).substr(1));
  document["page_size"] = verdict.content.pages.page_size;
  document["pages"] = verdict.content.pages.pages;
  document["checksum"] = verdict.content.pages.checksum.hex();
  if (verdict.content.content_hash)
    document["content_hash"] = fmt::format("{:016x}", *verdict.content.content_hash);
  if (verdict.content.rows) document["rows"] = *verdict.content.rows;
  document["check"] = verdict.check;
  return document;
}

void print_verdict(Output& output, const CopyVerdict& verdict) {
  const CopyEntry& copy = verdict.copy;
  if (!verdict.trouble.empty()) {
    output.answer(output.paint(Ink::kRed, "damaged  ") + verdict.trouble);
    return;
  }
  output.line(fmt::format("sound    {}: {}, {} pages of {} bytes, {} ok; {}", copy.path.string(),
                          format_size(copy.bytes), verdict.content.pages.pages,
                          verdict.content.pages.page_size, verdict.check,
                          copy.record ? "as recorded when it was taken, " + format_local_time(copy.time)
                                      : "no record of when it was made"));
}

}  // namespace

std::vector<Option> verify_copy_options() {
  return {{.name = "full-check", .help = "of plain copies: integrity_check instead of quick_check"}};
}

std::optional<fs::path> named_copy(const Invocation& invocation) {
  if (const auto folder = named_folder(invocation)) return folder;
  if (!invocation.value("DB")) return std::nullopt;
  const DatabaseLocation location = invocation.database();
  std::error_code ignored;
  if (location.kind != DatabaseKind::kSqlite || !fs::is_regular_file(location.path, ignored))
    return std::nullopt;
  for (const char* suffix : {"-wal", "-shm", "-journal"}) {
    if (fs::exists(location.path.string() + suffix, ignored)) return std::nullopt;
  }
  const FileHolders users = LinuxProcessTable().who_has_open({location.path}, OwnProcess::kExclude);
  return users.holders.empty() ? std::optional(location.path) : std::nullopt;
}

int run_verify_copies(const Invocation& invocation, const fs::path& named) {
  const Session& session = invocation.session;
  const bool folder = fs::is_directory(named);
  const std::vector<CopyEntry> copies = folder ? list_copies(named) : std::vector{copy_entry(named)};
  if (copies.empty()) {
    throw Error(ErrorCode::kNoDatabase,
                fmt::format("{}: neither an archive nor copies are there", named.string()),
                "litewright backup DB --to " + shell_quoted(named.string()));
  }
  const CopyCheck check = invocation.flag("full-check") ? CopyCheck::kFull : CopyCheck::kQuick;
  const StopSignal stop;
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  std::size_t damaged = 0;
  for (const CopyEntry& copy : copies) {
    Progress progress(session.output.progress_stream(), session.clock,
                      {.label = "verify " + copy.path.filename().string(), .total = copy.bytes});
    const CopyVerdict verdict = verify_copy(copy, check, [&](std::uint64_t done, std::uint64_t) {
      if (stop.requested()) throw Error(ErrorCode::kLocked, "stopped", "run it again");
      progress.advance(done - std::min(done, progress.done()));
    });
    progress.finish();
    print_verdict(session.output, verdict);
    list.push_back(verdict_document(verdict));
    if (!verdict.trouble.empty()) damaged++;
  }
  if (folder) session.output.line(fmt::format("{} copies, {} damaged", copies.size(), damaged));
  session.output.document({{"copies", list}, {"damaged", damaged}}, 1, "copies");
  return exit_status(damaged == 0 ? Severity::kOk : Severity::kCritical);
}

}  // namespace litewright
