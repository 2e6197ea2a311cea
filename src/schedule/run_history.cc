#include "schedule/run_history.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/error.h"
#include "base/time_text.h"

namespace litewright {
namespace {

constexpr std::array<std::string_view, 8> kResults = {"running",   "done",        "warnings", "failed",
                                                      "over-time", "interrupted", "skipped",  "waiting"};

constexpr const char* kGone = "its process ended before it did";

std::int64_t nanoseconds_of(WallTime time) { return time.time_since_epoch().count(); }
WallTime time_of(std::int64_t nanoseconds) { return WallTime(std::chrono::nanoseconds(nanoseconds)); }

RunResult result_of(std::string_view name) {
  const auto* found = std::ranges::find(kResults, name);
  return found == kResults.end() ? RunResult::kFailed : static_cast<RunResult>(found - kResults.begin());
}

// Field 22 of /proc/PID/stat, behind the command's name, which may hold anything; 0: no such process.
std::int64_t start_ticks(std::int64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::size_t at = text.rfind(')');
  if (at == std::string::npos) return 0;
  constexpr int kFieldsAfterName = 20;
  for (int field = 0; field < kFieldsAfterName && at != std::string::npos; field++)
    at = text.find(' ', at + 1);
  if (at == std::string::npos) return 0;
  std::int64_t ticks = 0;
  std::from_chars(text.data() + at + 1, text.data() + text.size(), ticks);
  return ticks;
}

// One by one: what fails is then said of the file, not of all these words.
constexpr std::array<std::string_view, 5> kSchema = {
    "PRAGMA journal_mode=WAL",
    "CREATE TABLE IF NOT EXISTS runs(id INTEGER PRIMARY KEY, job TEXT NOT NULL, database TEXT NOT NULL, "
    "due INTEGER NOT NULL, attempt INTEGER NOT NULL, began INTEGER NOT NULL, ended INTEGER, result TEXT NOT "
    "NULL, summary TEXT NOT NULL DEFAULT '', findings TEXT NOT NULL DEFAULT '[]', pid INTEGER, start_ticks "
    "INTEGER, maker INTEGER, maker_ticks INTEGER)",
    "CREATE INDEX IF NOT EXISTS runs_by_job ON runs(database, job, due)",
    "CREATE INDEX IF NOT EXISTS runs_going ON runs(pid) WHERE ended IS NULL",
    "CREATE TABLE IF NOT EXISTS schedules(database TEXT NOT NULL, job TEXT NOT NULL, schedule TEXT NOT NULL, "
    "since INTEGER NOT NULL, PRIMARY KEY(database, job)) WITHOUT ROWID"};

constexpr std::string_view kColumns =
    "id, job, database, due, attempt, began, ended, result, summary, findings";

RunRecord record_of(Statement& row) {
  RunRecord record{.id = row.integer(0),
                   .job = row.text(1),
                   .database = row.text(2),
                   .due = time_of(row.integer(3)),
                   .attempt = static_cast<int>(row.integer(4)),
                   .began = time_of(row.integer(5))};
  if (!row.is_null(6)) record.ended = time_of(row.integer(6));
  record.result = result_of(row.text(7));
  record.summary = row.text(8);
  record.findings = row.text(9);
  return record;
}

bool is_there(std::int64_t pid, std::int64_t ticks) {
  const std::int64_t now = start_ticks(pid);
  return now != 0 && now == ticks;
}

std::string path_in(const std::string& state_folder) { return state_folder + "/runs.db"; }

Error damaged(const std::string& path, std::string_view why) {
  return Error(ErrorCode::kDamaged, fmt::format("the run history {} is damaged: {}", path, why),
               fmt::format("litewright serve moves it away by itself; or: mv {0} {0}.damaged", path));
}

// SQLite would say of a folder that it can't be opened.
std::string require_no_folder(std::string path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw damaged(path, "it is a folder");
  return path;
}

// Runs an INSERT or UPDATE that returns kColumns, to its end: only then it is committed.
std::optional<RunRecord> row_of(Statement& change) {
  if (!change.step()) return std::nullopt;
  RunRecord record = record_of(change);
  change.step();
  return record;
}

// The same for an UPDATE ... WHERE id=?1 that sets the process to ?2 and ?3: ours.
std::optional<RunRecord> take_over(Statement& update, std::int64_t id) {
  update.bind(1, id);
  update.bind(2, std::int64_t{::getpid()});
  update.bind(3, start_ticks(::getpid()));
  return row_of(update);
}

}  // namespace

RunEnd run_end(RunResult result) {
  if (result == RunResult::kFailed) return RunEnd::kFailed;
  return result == RunResult::kInterrupted ? RunEnd::kInterrupted : RunEnd::kDone;
}

std::string_view run_result_name(RunResult result) { return kResults.at(static_cast<std::size_t>(result)); }

RunHistory::RunHistory(const std::string& state_folder, const Clock& clock)
    : clock_(clock),
      connection_(require_no_folder(path_in(state_folder)),
                  {.mode = OpenMode::kCreate, .hot_journal = HotJournal::kLeaveToCaller}) {
  try {
    for (const std::string_view sql : kSchema) {
      Statement statement = connection_.prepare(sql);
      while (statement.step()) {
      }
    }
    add_makers();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
    throw damaged(path_in(state_folder), error.what());
  }
}

std::string RunHistory::move_aside(const std::string& state_folder, const Clock& clock) {
  const std::string path = path_in(state_folder);
  const std::string name = fmt::format("{}.damaged-{}Z", path, format_utc_time(clock.wall()).substr(0, 19));
  std::string aside = name;
  for (int number = 2; std::filesystem::exists(aside); number++) aside = fmt::format("{}-{}", name, number);
  for (const char* end : {"-shm", "-wal", ""}) {
    if (::rename((path + end).c_str(), (aside + end).c_str()) != 0 && errno != ENOENT)
      throw error_from_errno(errno, fmt::format("rename {}{}", path, end));
  }
  return aside;
}

// A history of before these columns.
void RunHistory::add_makers() {
  constexpr const char* kCount = "SELECT count(*) FROM pragma_table_info('runs') WHERE name='maker_ticks'";
  if (connection_.query_integer(kCount) != 0) return;
  Transaction transaction(connection_, Transaction::Kind::kWrite);
  if (connection_.query_integer(kCount) == 0) {
    connection_.execute("ALTER TABLE runs ADD COLUMN maker INTEGER");
    connection_.execute("ALTER TABLE runs ADD COLUMN maker_ticks INTEGER");
  }
  transaction.commit();
}

std::string RunHistory::UnderWay::text() const { return fmt::format("run {} ({}, pid {})", id, job, pid); }

// In a transaction.
std::optional<RunHistory::UnderWay> RunHistory::under_way(const std::string& database) {
  std::vector<std::int64_t> gone;
  std::optional<UnderWay> found;
  {
    Statement row = connection_.prepare(
        "SELECT id, job, pid, start_ticks FROM runs WHERE ended IS NULL AND pid>0 AND database=?1");
    row.bind(1, std::string_view(database));
    while (row.step()) {
      if (is_there(row.integer(2), row.integer(3)))
        found = UnderWay{row.integer(0), row.text(1), row.integer(2)};
      else
        gone.push_back(row.integer(0));
    }
  }
  for (const std::int64_t id : gone) end(id, RunResult::kInterrupted, kGone, "[]");
  return found;
}

// In a transaction. A row of this process's own says nothing: its clock may have been set back.
std::optional<RunRecord> RunHistory::had_elsewhere(const std::string& job, const std::string& database,
                                                   WallTime due, int attempt) {
  Statement row = connection_.prepare(
      fmt::format("SELECT {}, maker, maker_ticks FROM runs WHERE database=?1 AND job=?2 AND due=?3 AND "
                  "attempt>=?4 AND maker<>?5 ORDER BY id DESC",
                  kColumns));
  row.bind(1, std::string_view(database));
  row.bind(2, std::string_view(job));
  row.bind(3, nanoseconds_of(due));
  row.bind(4, std::int64_t{attempt});
  row.bind(5, std::int64_t{::getpid()});
  while (row.step()) {
    if (is_there(row.integer(10), row.integer(11))) return record_of(row);
  }
  return std::nullopt;
}

RunRecord RunHistory::insert_running(const std::string& job, const std::string& database, WallTime due,
                                     int attempt) {
  Statement insert = connection_.prepare(
      fmt::format("INSERT INTO runs(job, database, due, attempt, began, result, pid, start_ticks, maker, "
                  "maker_ticks) VALUES(?1, ?2, ?3, ?4, ?5, 'running', ?6, ?7, ?6, ?7) RETURNING {}",
                  kColumns));
  insert.bind(1, std::string_view(job));
  insert.bind(2, std::string_view(database));
  insert.bind(3, nanoseconds_of(due));
  insert.bind(4, std::int64_t{attempt});
  insert.bind(5, nanoseconds_of(clock_.wall()));
  insert.bind(6, std::int64_t{::getpid()});
  insert.bind(7, start_ticks(::getpid()));
  return row_of(insert).value();
}

RunHistory::Beginning RunHistory::try_begin(const std::string& job, const std::string& database, WallTime due,
                                            int attempt) {
  Transaction transaction(connection_, Transaction::Kind::kWrite);
  Beginning beginning;
  if (attempt > 0) beginning.had = had_elsewhere(job, database, due, attempt);
  if (!beginning.had) beginning.in_the_way = under_way(database);
  if (!beginning.had && !beginning.in_the_way) beginning.run = insert_running(job, database, due, attempt);
  transaction.commit();
  return beginning;
}

RunRecord RunHistory::begin(const std::string& job, const std::string& database, WallTime due, int attempt) {
  const Beginning beginning = try_begin(job, database, due, attempt);
  if (beginning.run) return *beginning.run;
  const std::string what = beginning.in_the_way ? beginning.in_the_way->text() + " is under way on it"
                                                : fmt::format("run {} was it", beginning.had->id);
  throw Error(ErrorCode::kLocked, fmt::format("{}: {}", database, what),
              fmt::format("litewright runs {}", database));
}

std::int64_t RunHistory::ask(const std::string& job, const std::string& database) {
  Transaction transaction(connection_, Transaction::Kind::kWrite);
  for (const RunRecord& run : waiting(database)) {
    if (run.job == job) return run.id;
  }
  std::int64_t id = 0;
  {
    Statement insert = connection_.prepare(
        "INSERT INTO runs(job, database, due, attempt, began, result) VALUES(?1, ?2, ?3, 0, ?3, 'waiting') "
        "RETURNING id");
    insert.bind(1, std::string_view(job));
    insert.bind(2, std::string_view(database));
    insert.bind(3, nanoseconds_of(clock_.wall()));
    insert.step();
    id = insert.integer(0);
  }
  transaction.commit();
  return id;
}

std::vector<RunRecord> RunHistory::waiting(const std::string& database) {
  Statement row = connection_.prepare(fmt::format(
      "SELECT {} FROM runs WHERE ended IS NULL AND result='waiting' AND database=?1 ORDER BY id", kColumns));
  row.bind(1, std::string_view(database));
  std::vector<RunRecord> records;
  while (row.step()) records.push_back(record_of(row));
  return records;
}

RunHistory::Beginning RunHistory::begin_waiting(std::int64_t id) {
  Transaction transaction(connection_, Transaction::Kind::kWrite);
  Beginning beginning;
  const auto asked = find(id);
  if (asked && asked->result == RunResult::kWaiting) beginning.in_the_way = under_way(asked->database);
  if (!beginning.in_the_way) {
    Statement update = connection_.prepare(
        fmt::format("UPDATE runs SET result='running', began=?4, pid=?2, start_ticks=?3, maker=?2, "
                    "maker_ticks=?3 WHERE id=?1 AND ended IS NULL AND result='waiting' RETURNING {}",
                    kColumns));
    update.bind(4, nanoseconds_of(clock_.wall()));
    beginning.run = take_over(update, id);
  }
  transaction.commit();
  return beginning;
}

bool RunHistory::adopt(std::int64_t id) {
  Statement update = connection_.prepare(
      fmt::format("UPDATE runs SET pid=?2, start_ticks=?3 WHERE id=?1 AND ended IS NULL AND result='running' "
                  "RETURNING {}",
                  kColumns));
  return take_over(update, id).has_value();
}

void RunHistory::end(std::int64_t id, RunResult result, const std::string& summary,
                     const std::string& findings) {
  Statement update = connection_.prepare(
      "UPDATE runs SET ended=?2, result=?3, summary=?4, findings=?5, pid=NULL WHERE id=?1");
  update.bind(1, id);
  update.bind(2, nanoseconds_of(clock_.wall()));
  update.bind(3, run_result_name(result));
  update.bind(4, std::string_view(summary));
  update.bind(5, std::string_view(findings));
  update.step();
}

void RunHistory::skip(const std::string& job, const std::string& database, WallTime due,
                      const std::string& why) {
  Statement insert = connection_.prepare(
      "INSERT INTO runs(job, database, due, attempt, began, ended, result, summary) "
      "VALUES(?1, ?2, ?3, 0, ?4, ?4, 'skipped', ?5)");
  insert.bind(1, std::string_view(job));
  insert.bind(2, std::string_view(database));
  insert.bind(3, nanoseconds_of(due));
  insert.bind(4, nanoseconds_of(clock_.wall()));
  insert.bind(5, std::string_view(why));
  insert.step();
}

std::size_t RunHistory::mark_interrupted() {
  std::vector<std::int64_t> gone;
  {
    Statement row =
        connection_.prepare("SELECT id, pid, start_ticks FROM runs WHERE ended IS NULL AND result='running'");
    while (row.step()) {
      if (!is_there(row.integer(1), row.integer(2))) gone.push_back(row.integer(0));
    }
  }
  for (const std::int64_t id : gone) {
    end(id, RunResult::kInterrupted, kGone, "[]");
  }
  return gone.size();
}

std::optional<RunRecord> RunHistory::find(std::int64_t id) {
  Statement row = connection_.prepare(fmt::format("SELECT {} FROM runs WHERE id=?1", kColumns));
  row.bind(1, id);
  if (!row.step()) return std::nullopt;
  return record_of(row);
}

std::size_t RunHistory::going(const std::string& database) {
  Statement row =
      connection_.prepare("SELECT count(*) FROM runs WHERE ended IS NULL AND pid>0 AND database=?1");
  row.bind(1, std::string_view(database));
  row.step();
  return static_cast<std::size_t>(row.integer(0));
}

std::vector<RunRecord> RunHistory::newest(const Filter& filter) {
  Statement row = connection_.prepare(
      fmt::format("SELECT {} FROM runs WHERE (?1='' OR job=?1) AND (?2='' OR database=?2) ORDER BY id DESC "
                  "LIMIT ?3",
                  kColumns));
  row.bind(1, std::string_view(filter.job));
  row.bind(2, std::string_view(filter.database));
  row.bind(3, static_cast<std::int64_t>(filter.most));
  std::vector<RunRecord> records;
  while (row.step()) records.push_back(record_of(row));
  return records;
}

std::vector<RunRecord> RunHistory::last_of_each() {
  Statement row = connection_.prepare(
      "SELECT id, job, database, due, attempt, began, ended, result, '', '[]' FROM runs WHERE id IN ("
      "SELECT max(id) FROM runs WHERE ended IS NOT NULL AND result<>'skipped' GROUP BY database, job UNION "
      "SELECT max(id) FROM runs WHERE result IN ('done', 'warnings') GROUP BY database, job) ORDER BY id "
      "DESC");
  std::vector<RunRecord> records;
  while (row.step()) records.push_back(record_of(row));
  return records;
}

std::map<std::string, PastRuns> RunHistory::past(const std::string& database) {
  std::map<std::string, PastRuns> past;
  const std::int64_t latest = nanoseconds_of(clock_.wall() + kClockStep);
  {
    // A run by hand is no due time of the schedule's.
    Statement row = connection_.prepare(
        "SELECT job, max(due) FROM runs WHERE database=?1 AND due<=?2 AND (attempt>0 OR result='skipped') "
        "GROUP BY job");
    row.bind(1, std::string_view(database));
    row.bind(2, latest);
    while (row.step()) past[row.text(0)].handled = time_of(row.integer(1));
  }
  // Of what began: the last row of its latest due time.
  for (auto& [job, runs] : past) {
    Statement row = connection_.prepare(
        "SELECT due, attempt, result, ended, (SELECT count(*) FROM runs AS one WHERE one.database=?1 AND "
        "one.job=?2 AND one.due=runs.due AND one.attempt>0 AND one.result='interrupted') FROM runs WHERE "
        "database=?1 AND job=?2 AND due<=?3 AND attempt>0 ORDER BY due DESC, id DESC LIMIT 1");
    row.bind(1, std::string_view(database));
    row.bind(2, std::string_view(job));
    row.bind(3, latest);
    if (!row.step()) continue;
    runs.due = time_of(row.integer(0));
    runs.attempts = static_cast<int>(row.integer(1));
    runs.end = run_end(result_of(row.text(2)));
    if (!row.is_null(3)) runs.ended = time_of(row.integer(3));
    runs.interruptions = static_cast<int>(row.integer(4));
  }
  return past;
}

std::map<std::string, PastRuns> RunHistory::join(const std::string& database, const std::vector<Job>& jobs) {
  std::map<std::string, KnownSchedule> known = schedules(database), changed;
  std::map<std::string, PastRuns> past = this->past(database);
  const WallTime now = clock_.wall();
  for (const Job& job : jobs) {
    const std::string text = job.schedule.text() + " " + job.schedule.zone();
    PastRuns& runs = past[job.name];
    const auto before = known.extract(job.name);
    if (before && before.mapped().text == text && before.mapped().since <= now + kClockStep) {
      runs.since = before.mapped().since;
      continue;
    }
    // A history of before this was kept: it had this schedule, as far as anybody knows.
    runs.since = before ? now : runs.handled.value_or(now);
    changed[job.name] = {text, *runs.since};
  }
  // One that comes again is new.
  for (const auto& [job, gone] : known) {
    if (!gone.text.empty()) changed[job] = {"", now};
  }
  keep_schedules(database, changed);
  return past;
}

std::map<std::string, RunHistory::KnownSchedule> RunHistory::schedules(const std::string& database) {
  Statement row = connection_.prepare("SELECT job, schedule, since FROM schedules WHERE database=?1");
  row.bind(1, std::string_view(database));
  std::map<std::string, KnownSchedule> known;
  while (row.step()) known[row.text(0)] = {row.text(1), time_of(row.integer(2))};
  return known;
}

void RunHistory::keep_schedules(const std::string& database,
                                const std::map<std::string, KnownSchedule>& changed) {
  if (changed.empty()) return;
  Transaction transaction(connection_, Transaction::Kind::kWrite);
  for (const auto& [job, schedule] : changed) {
    Statement insert = connection_.prepare(
        "INSERT INTO schedules(database, job, schedule, since) VALUES(?1, ?2, ?3, ?4) "
        "ON CONFLICT(database, job) DO UPDATE SET schedule=excluded.schedule, since=excluded.since");
    insert.bind(1, std::string_view(database));
    insert.bind(2, std::string_view(job));
    insert.bind(3, std::string_view(schedule.text));
    insert.bind(4, nanoseconds_of(schedule.since));
    insert.step();
  }
  transaction.commit();
}

std::size_t RunHistory::forget(std::size_t keep) {
  Statement row = connection_.prepare(
      "DELETE FROM runs WHERE ended IS NOT NULL AND id IN (SELECT id FROM (SELECT id, row_number() OVER "
      "(PARTITION "
      "BY database, job ORDER BY id DESC) AS n FROM runs) WHERE n>?1) RETURNING id");
  row.bind(1, static_cast<std::int64_t>(keep));
  std::size_t gone = 0;
  while (row.step()) gone++;
  return gone;
}

}  // namespace litewright
