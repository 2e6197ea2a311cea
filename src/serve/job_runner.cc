#include "serve/job_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/error.h"
#include "base/json_text.h"
#include "base/time_text.h"
#include "operate/service_command.h"
#include "schedule/run_json.h"

namespace litewright {
namespace {

using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;

constexpr auto kOtherRunPause = 2s;    // while a process of before is still at work on a database
constexpr auto kHistoryPause = 30s;    // where the history can't be written
constexpr auto kLookAtHungRuns = 10s;  // that one hangs makes room for another
constexpr std::size_t kMostHungRuns = 16;
constexpr std::size_t kMostOwedSkips = 10'000;
constexpr const char* kHistoryDamaged = "jobs.history-damaged";
constexpr const char* kUnwritable = "archive.unwritable";  // the guard's word for a store that takes nothing

// The message among the last lines of stderr, which a hint may follow.
std::string message_in(std::string_view text) {
  constexpr std::string_view kProgram = "litewright: ";
  std::string_view last;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (line.starts_with(kProgram))
      last = line.substr(kProgram.size());
    else if (!line.empty() && !line.starts_with("hint: "))
      last = line;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::string(last);
}

// What a command says that had no row to say it in.
std::string last_word(const OwnCommandResult& result) {
  const Json document = plan_document(result.output);
  if (document.is_object() && document.contains("message") && document["message"].is_string())
    return document["message"].get<std::string>();
  return message_in(result.error);
}

}  // namespace

JobRunner::JobRunner(const std::string& state_folder, const JobSurroundings& surroundings)
    : around_(surroundings), state_folder_(state_folder), findings_(surroundings.board, surroundings.clock) {}

void JobRunner::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  call();
}

JobRunner::~JobRunner() {
  stop();
  if (thread_.joinable()) thread_.join();
  wait_for_runs();
  try {
    open_history();
    take_ended();
  } catch (const Error&) {
    // Their rows stay without an end: the next start records them as interrupted.
  }
  for (Run& run : runs_) {
    if (run.thread.joinable()) run.thread.join();
  }
}

void JobRunner::join(const Member& member) {
  const std::lock_guard lock(mutex_);
  members_[member.name] = joining_[member.name] = member;
  left_.erase(member.name);
  call();
}

void JobRunner::leave(const Member& member) {
  const std::lock_guard lock(mutex_);
  members_.erase(member.name);
  joining_.erase(member.name);
  left_.insert(member.name);
  call();
}

std::int64_t JobRunner::ask(const std::string& database, const std::string& plan) {
  if (std::ranges::find(RunFindings::kPlans, plan) == RunFindings::kPlans.end())
    throw Error(ErrorCode::kUsage, fmt::format("there is no plan '{}'", plan),
                "hourly, daily, weekly, monthly");
  std::string path;
  {
    const std::lock_guard lock(mutex_);
    const auto member = members_.find(database);
    if (member == members_.end())
      throw Error(ErrorCode::kNoDatabase, fmt::format("no database is called '{}'", database));
    if (!queue_.takes_more())
      throw Error(ErrorCode::kLocked, fmt::format("{} runs wait for their turn", JobQueue::kMostAsked),
                  "try again later");
    path = member->second.path;
  }
  const std::int64_t id = RunHistory(state_folder_, around_.clock).ask(plan, path);  // threads share none
  const std::lock_guard lock(mutex_);
  queue_.ask(database, plan, id);
  call();
  return id;
}

std::map<std::string, WallTime> JobRunner::next_runs(const std::string& database) const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, WallTime> next;
  for (const char* plan : RunFindings::kPlans) {
    if (const auto at = queue_.next_start(database, plan, around_.clock.wall())) next[plan] = *at;
  }
  return next;
}

void JobRunner::call() {
  called_ = true;
  changed_.notify_all();
}

void JobRunner::begin() {
  thread_ = std::thread([this] { loop(); });
}

bool JobRunner::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void JobRunner::loop() {
  while (!stopping()) {
    WallTime wake{};
    try {
      wake = step();
      around_.board.tell_of_daemon({.id = "jobs.history"});
    } catch (const std::exception& error) {
      wake = around_.clock.wall() + kHistoryPause;
      around_.board.tell_of_daemon(
          {.id = "jobs.history",
           .severity = Severity::kCritical,
           .meaning = fmt::format("the run history can't be kept, so nothing is run: {}", error.what())});
    }
    sleep_until(wake);
  }
}

// Or until there is something to do before, or the clock is set back.
void JobRunner::sleep_until(WallTime wake) {
  std::unique_lock lock(mutex_);
  wake_ = wake;
  const WallTime began = around_.clock.wall();
  for (WallTime now = began; !called_ && wake_ > now && now >= began; now = around_.clock.wall()) {
    const auto sleep = std::min<std::chrono::nanoseconds>(wake_ - now, around_.longest_sleep);
    changed_.wait_for(lock, std::max<std::chrono::nanoseconds>(sleep, 1ms));
  }
  called_ = false;
}

WallTime JobRunner::step() {
  open_history();
  try {
    take_ended();
    take_joins();
    start_due();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kDamaged) move_history_aside(error);
    throw;
  }
  const auto moment = findings_.end_moments();
  const std::lock_guard lock(mutex_);
  if (moment) wake_ = std::min(wake_, *moment);
  if (!joining_.empty()) wake_ = std::min(wake_, around_.clock.wall() + kOtherRunPause);
  if (!runs_.empty()) wake_ = std::min(wake_, around_.clock.wall() + kLookAtHungRuns);
  return wake_;
}

// Not before: who guards must be able to begin whatever the history is like.
void JobRunner::open_history() {
  std::error_code ignored;
  if (!aside_.empty() && !std::filesystem::exists(aside_, ignored)) {
    around_.board.tell_of_daemon({.id = kHistoryDamaged, .object = aside_});
    aside_.clear();
  }
  if (history_) return;
  try {
    history_.emplace(state_folder_, around_.clock);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
    move_history_aside(error);
    history_.emplace(state_folder_, around_.clock);
  }
}

// Without it jobs go on; what was run, and what is to be tried again, is forgotten.
void JobRunner::move_history_aside(const Error& error) {
  history_.reset();
  {
    const std::lock_guard lock(mutex_);
    for (Run& run : runs_) run.id = 0;  // its number will be another's
  }
  if (!aside_.empty()) around_.board.tell_of_daemon({.id = kHistoryDamaged, .object = aside_});
  aside_ = RunHistory::move_aside(state_folder_, around_.clock);
  const std::string text = fmt::format("{}; it was moved to {}, and a new one begun", error.what(), aside_);
  around_.log({.event = "history.damaged",
               .severity = Severity::kWarning,
               .text = text,
               .fields = {{"file", aside_}, {"message", error.what()}}});
  around_.board.tell_of_daemon({.id = kHistoryDamaged,
                                .severity = Severity::kWarning,
                                .object = aside_,
                                .meaning = text,
                                .remedy = fmt::format("rm -r {}*", aside_)});
}

void JobRunner::take_joins() {
  std::map<std::string, Member> joining;
  {
    const std::lock_guard lock(mutex_);
    for (const std::string& name : left_) {
      queue_.drop(name);
      findings_.forget(name);
    }
    left_.clear();
    joining = joining_;
  }
  if (joining.empty()) return;
  history_->mark_interrupted();
  for (const auto& [name, member] : joining) {
    if (!take_join_alone(member)) continue;
    const std::lock_guard lock(mutex_);
    const auto still = joining_.find(name);
    if (still != joining_.end() && still->second.configuration == member.configuration) joining_.erase(still);
  }
}

// What is wrong with one database's jobs alone keeps no other's from being run.
bool JobRunner::take_join_alone(const Member& member) {
  Finding finding = {.id = "jobs.schedule", .database = member.path};
  bool taken = true;
  try {
    taken = take_join(member);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kConfig && error.code() != ErrorCode::kInternal) throw;
    finding.severity = Severity::kCritical;
    finding.meaning = fmt::format("its maintenance can't be planned, so none is run: {}", error.what());
    finding.remedy = "litewright serve --check-config";
  }
  around_.board.tell(member.name, FindingSource::kJobs, finding);
  return taken;
}

// False: not now, for something runs on it: of ours, or a process that outlived the daemon before.
bool JobRunner::take_join(const Member& member) {
  std::vector<Job> jobs = jobs_of(member.configuration->jobs, *member.settings);
  for (Job& job : jobs) job.scope = member.path;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.has_jobs(member.name, jobs)) return true;
    if (queue_.is_running(member.name)) return false;
  }
  if (history_->going(member.path) > 0) return false;
  const auto past = history_->join(member.path, jobs);
  findings_.recall(member, *history_);
  {
    const std::lock_guard lock(mutex_);
    queue_.put(member.name, jobs, past, around_.clock.wall());
  }
  take_asked(member);
  return true;
}

// What was asked for and had no turn: before a restart, or before the database left.
void JobRunner::take_asked(const Member& member) {
  const WallTime now = around_.clock.wall();
  for (const RunRecord& run : history_->waiting(member.path)) {
    if (now - run.due > member.configuration->jobs.rules.longest_lateness) {
      history_->end(run.id, RunResult::kInterrupted, "had no turn for too long", "[]");
      continue;
    }
    const std::lock_guard lock(mutex_);
    queue_.ask(member.name, run.job, run.id);
  }
}

// What could not be begun, for whatever reason, is due again: the queue must not take for running what does
// not run.
void JobRunner::start_due() {
  std::vector<DueRun> begin;
  {
    const std::lock_guard lock(mutex_);
    std::size_t at_once = 1;
    if (!members_.empty()) at_once = members_.begin()->second.configuration->jobs.at_once;
    at_once += hung_runs();
    JobQueue::Tick tick = queue_.tick(around_.clock.wall(), stopping_ ? 0 : at_once);
    wake_ = tick.wake;
    begin = std::move(tick.begin);
    for (auto& [database, skip] : tick.skips) {
      const auto member = members_.find(database);
      if (member != members_.end()) owed_skips_.push_back({member->second.path, std::move(skip)});
    }
  }
  std::size_t begun = 0;
  try {
    record_skips();
    for (; begun < begin.size(); begun++) start(begin[begun]);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    while (begin.size() > begun) {
      queue_.not_begun(begin.back());
      begin.pop_back();
    }
    throw;
  }
}

void JobRunner::record_skips() {
  while (owed_skips_.size() > kMostOwedSkips) owed_skips_.pop_front();
  for (; !owed_skips_.empty(); owed_skips_.pop_front()) {
    const auto& [path, skip] = owed_skips_.front();
    history_->skip(skip.job, path, skip.due, skip.why);
  }
}

// Throws where it has not begun, and is to be.
void JobRunner::start(const DueRun& due) {
  Run run{.due = due};
  {
    const std::lock_guard lock(mutex_);
    const auto member = members_.find(due.database);
    if (member == members_.end()) return queue_.ended(due, around_.clock.wall(), RunEnd::kDone);
    run.member = member->second;
  }
  const RunHistory::Beginning beginning = begin_in_history(run);
  if (!beginning.run) return stay_away(due, beginning);
  run.id = beginning.run->id;
  announce(run, "began", *beginning.run);
  begin_process(std::move(run));
}

RunHistory::Beginning JobRunner::begin_in_history(const Run& run) {
  const Timetable::Start& start = run.due.start;
  if (run.due.asked > 0) return history_->begin_waiting(run.due.asked);
  return history_->try_begin(start.job, run.member.path, start.due, start.attempt);
}

// It waits for what somebody else does on the database; what another daemon did of it, or what was asked for
// and has had its turn, is over.
void JobRunner::stay_away(const DueRun& due, const RunHistory::Beginning& beginning) {
  const std::lock_guard lock(mutex_);
  const WallTime now = around_.clock.wall();
  if (beginning.in_the_way) {
    queue_.not_begun(due);
    queue_.keep_out(due.database, now + kOtherRunPause);
  } else {
    queue_.ended(due, now, beginning.had ? run_end(beginning.had->result) : RunEnd::kDone);
  }
  wake_ = now;  // others may have their turn
}

// Its row is there: from here on whatever fails is how the run ended.
void JobRunner::begin_process(Run run) {
  const std::lock_guard lock(mutex_);
  Run& kept = runs_.emplace_back(std::move(run));
  const auto work = [this, &kept, command = command_of(kept)] {
    std::optional<OwnCommandResult> result;
    std::string failure;
    try {
      result = around_.run(command);
    } catch (const std::exception& error) {
      failure = error.what();
    }
    const std::lock_guard done(mutex_);
    kept.result = result.value_or(OwnCommandResult{.status = static_cast<int>(ErrorCode::kIo)});
    kept.failure = failure;
    call();
  };
  try {
    kept.thread = std::thread(work);
  } catch (const std::system_error& error) {
    kept.result = OwnCommandResult{.status = static_cast<int>(ErrorCode::kIo)};
    kept.failure = fmt::format("no thread for it: {}", error.what());
    call();
  }
}

bool JobRunner::store_hangs(const std::string& database) const {
  const auto known = around_.board.find(database);
  return known && std::ranges::any_of(known->open_findings(), [](const Finding& finding) {
           return finding.id == kUnwritable && finding.severity >= Severity::kWarning;
         });
}

// They take nobody's turn: one store that hangs keeps no other database's maintenance waiting.
std::size_t JobRunner::hung_runs() const {
  const auto hung =
      std::ranges::count_if(runs_, [this](const Run& run) { return store_hangs(run.member.name); });
  return std::min(static_cast<std::size_t>(hung), kMostHungRuns);
}

OwnCommand JobRunner::command_of(const Run& run) const {
  const Configuration& configuration = *run.member.configuration;
  OwnCommand command{.words = {"maintain", run.member.path, run.due.start.job, "--json", "--run",
                               std::to_string(run.id), "--archive", run.member.archive}};
  if (!configuration.file.empty()) {
    command.words.insert(command.words.end(), {"--config", configuration.file.string()});
  }
  command.time_limit =
      std::chrono::duration_cast<std::chrono::milliseconds>(configuration.jobs.rules.time_limit);
  command.stop = [this] { return stopping(); };
  // Killed in between, it would leave the application stopped.
  if (run.due.start.job == "weekly" && run.member.settings->service.contains("stop")) {
    command.end_within = kPlanEndsWithin;
    return command;
  }
  command.hangs = [this, name = run.member.name] { return store_hangs(name); };
  return command;
}

void JobRunner::wait_for_runs() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] {
    return std::ranges::all_of(runs_, [](const Run& run) { return run.result.has_value(); });
  });
}

bool JobRunner::has_runs() const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(runs_, [](const Run& run) { return !run.result; });
}

bool JobRunner::has_ended() const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(runs_, [](const Run& run) { return run.result.has_value(); });
}

void JobRunner::take_ended() {
  std::vector<Run*> ended;
  {
    const std::lock_guard lock(mutex_);
    for (Run& run : runs_) {
      if (run.result) ended.push_back(&run);
    }
  }
  for (Run* run : ended) {
    end(*run);
    if (run->thread.joinable()) run->thread.join();
    const std::lock_guard lock(mutex_);
    runs_.remove_if([run](const Run& one) { return &one == run; });
  }
}

// What its row says when all is over: the command's own word, but where it could not have the last one.
RunRecord JobRunner::final_record(const Run& run) {
  const OwnCommandResult& result = *run.result;
  const auto own = history_->find(run.id);
  const bool has_word = own && own->ended;
  RunResult kind = has_word ? own->result : RunResult::kFailed;
  std::string summary = has_word ? own->summary : "";
  if (result.over_time) {
    kind = RunResult::kOverTime;
    summary = fmt::format("took longer than {} and was ended; {}",
                          format_duration(run.member.configuration->jobs.rules.time_limit), summary);
  } else if (result.stopped) {
    kind = RunResult::kInterrupted;
    summary = fmt::format("the daemon was stopped; {}", summary);
  } else if (!has_word) {
    const bool killed = result.status > 128;
    kind = killed ? RunResult::kInterrupted : RunResult::kFailed;
    summary = killed ? fmt::format("killed by signal {}", result.status - 128)
                     : fmt::format("ended with {}: {}", result.status,
                                   run.failure.empty() ? last_word(result) : run.failure);
  }
  const bool same = has_word && kind == own->result;
  if (!same) history_->end(run.id, kind, summary, has_word ? own->findings : "[]");
  return history_->find(run.id).value_or(RunRecord{.id = run.id, .job = run.due.start.job, .result = kind});
}

void JobRunner::end(Run& run) {
  const RunRecord record = final_record(run);
  {
    const std::lock_guard lock(mutex_);
    queue_.ended(run.due, around_.clock.wall(), run_end(record.result));
  }
  findings_.take(run.member, run.due.start.job, run.result->output);
  findings_.tell_failure(run.member, record);
  announce(run, "ended", record);
}

void JobRunner::announce(const Run& run, const char* event, const RunRecord& record) {
  Json json = run_to_json(record);
  const std::string text = record.ended
                               ? fmt::format("{} {}: {} in {}", record.job, run_result_name(record.result),
                                             record.summary, format_duration(*record.ended - record.began))
                               : fmt::format("{} begins, due {}", record.job, format_local_time(record.due));
  const bool well = record.result != RunResult::kFailed && record.result != RunResult::kOverTime;
  around_.log({.event = fmt::format("run.{}", event),
               .severity = well ? Severity::kInfo : Severity::kWarning,
               .database = run.member.name,
               .text = text,
               .fields = {{"run", json}}});
  const Json document = {{"time", format_utc_time(around_.clock.wall())},
                         {"name", run.member.name},
                         {"event", event},
                         {"run", std::move(json)}};
  around_.board.ran(run.member.name, json_text(document));
}

}  // namespace litewright
