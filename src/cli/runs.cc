// litewright runs: what was run when, how long it took, what came of it.
#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "archive/state_folder.h"
#include "base/error.h"
#include "base/time_text.h"
#include "cli/archive_place.h"
#include "cli/commands.h"
#include "schedule/run_json.h"

namespace litewright {
namespace {

std::size_t wanted_count(const Invocation& invocation) {
  const std::string text = invocation.value("count").value_or("20");
  std::size_t count = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failure == std::errc{} && end == text.data() + text.size() && count > 0) return count;
  throw Error(ErrorCode::kUsage, fmt::format("--count {} is not a number of runs", text), "--count 20");
}

int run_runs(const Invocation& invocation) {
  const Session& session = invocation.session;
  RunHistory::Filter filter{.job = invocation.value("job").value_or(""), .most = wanted_count(invocation)};
  if (invocation.value("DB"))
    filter.database = locate_archive(invocation, DatabaseFile::kMayBeMissing).database;
  RunHistory history(state_folder(session.environment), session.clock);
  history.mark_interrupted();
  const std::vector<RunRecord> runs = history.newest(filter);
  TextTable table(
      {{"BEGAN"}, {"JOB"}, {"DATABASE"}, {"RESULT"}, {"TOOK", TextTable::Align::kRight}, {"SUMMARY"}});
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const RunRecord& run : runs) {
    table.add({format_local_time(run.began), run.job, run.database, std::string(run_result_name(run.result)),
               run.ended ? format_duration(*run.ended - run.began) : "", run.summary});
    list.push_back(run_to_json(run));
  }
  if (runs.empty()) session.output.line("nothing was run yet");
  if (!runs.empty()) session.output.table(table);
  nlohmann::ordered_json document;
  document["runs"] = std::move(list);
  session.output.document(document);
  return 0;
}

}  // namespace

Command runs_command() {
  return with_database(
      {.name = "runs",
       .summary = "what maintenance was run when, and what came of it",
       .description =
           "The run history of this user's Litewright on this machine, the newest first: of the plans "
           "(litewright maintain DB daily) and of whatever is scheduled. Without DB: of all databases. "
           "A run whose process was killed is shown as interrupted.",
       .options = {{.name = "job", .value = "NAME", .help = "of this job alone: daily"},
                   {.name = "count", .value = "N", .help = "how many (default 20)"}},
       .examples = {{"litewright runs", "the last twenty"},
                    {"litewright runs app.db --job daily --json", "of one database, for a program"}},
       .run = run_runs});
}

}  // namespace litewright
