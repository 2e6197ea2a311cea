#include "serve/flight_recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/json_text.h"
#include "base/time_text.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kLookForDatabases{5};
constexpr std::chrono::seconds kAfterFailure{30};
constexpr std::chrono::milliseconds kAskOver{200};
constexpr std::chrono::hours kCommandTime{
    24};  // since when a lock is held is known by the process that looks

std::string plain_name(std::string name) {
  std::ranges::replace_if(
      name, [](unsigned char c) { return !std::isalnum(c) && c != '.' && c != '-' && c != '_'; }, '_');
  return name;
}

}  // namespace

FlightRecorder::FlightRecorder(FlightSurroundings surroundings)
    : around_(std::move(surroundings)), watcher_([this] { watch(); }) {}

FlightRecorder::~FlightRecorder() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  leave_.notify_all();
  watcher_.join();
  for (auto& [name, one] : recorded_) one.over = true;
  for (auto& [name, one] : recorded_) one.thread.join();
}

void FlightRecorder::limits_changed() {
  const std::lock_guard lock(mutex_);
  taken_.reset();
}

void FlightRecorder::watch() {
  std::unique_lock lock(mutex_);
  do {
    take_databases();
  } while (!leave_.wait_for(lock, kLookForDatabases, [this] { return stopping_; }));
}

void FlightRecorder::take_databases() {
  const std::uint64_t change = around_.board.last_change();
  if (change == taken_) return;
  for (auto& [name, one] : recorded_) {
    const auto entry = around_.board.find(name);
    if (entry == nullptr || around_.limits_of(entry->path) != one.limits) one.over = true;
  }
  for (auto it = recorded_.begin(); it != recorded_.end();) {
    const bool left = it->second.over;
    if (left) it->second.thread.join();
    it = left ? recorded_.erase(it) : std::next(it);
  }
  bool all_there = true;
  for (const auto& entry : around_.board.databases()) {
    if (recorded_.size() >= kMostDatabases) break;
    if (recorded_.contains(entry->name)) continue;
    const auto limits = around_.limits_of(entry->path);
    if (!limits) continue;
    all_there = all_there && entry->exists;
    if (!entry->exists) continue;
    Recorded& one = recorded_[entry->name];
    one.limits = *limits;
    one.thread = std::thread([this, name = entry->name, path = entry->path, limits, &one] {
      record(name, path, *limits, one.over);
    });
  }
  if (all_there) taken_ = change;
}

void FlightRecorder::record(const std::string& name, const std::string& path, const FlightLimits& limits,
                            const std::atomic<bool>& over) {
  FlightRing ring(limits);
  std::size_t noted = 0;
  const OwnCommand command = {
      .words = {"locks", path, "--watch", "--json", "--interval", "1s"},
      .time_limit = kCommandTime,
      .line =
          [&](std::string_view line) {
            auto sample = flight_sample(line);
            if (!sample) return;
            ++noted;
            if (const auto why = ring.note(std::move(*sample), around_.clock.steady()))
              keep(name, path, ring, *why);
          },
      .stop = [&over] { return over.load(); },
      .end_within = std::chrono::seconds(2)};
  while (!over) {
    noted = 0;
    try {
      around_.run(command);
    } catch (const std::exception& error) {
      around_.log({.event = "warning",
                   .severity = Severity::kWarning,
                   .database = name,
                   .text = fmt::format("flight recorder: {}", error.what())});
    }
    if (noted > 0) continue;
    // Not there, or no right to look: ask again in a while.
    for (auto waited = std::chrono::milliseconds(0); waited < kAfterFailure && !over; waited += kAskOver)
      std::this_thread::sleep_for(kAskOver);
  }
}

void FlightRecorder::keep(const std::string& name, const std::string& path, const FlightRing& ring,
                          const std::string& why) {
  const std::string time = format_utc_time(around_.clock.wall());
  constexpr std::size_t kToSeconds = 19;  // of "2026-11-20T13:03:05.000000000Z"
  const std::string file =
      fmt::format("{}/{}-{}.jsonl", around_.folder, plain_name(time.substr(0, kToSeconds)), plain_name(name));
  const nlohmann::ordered_json head = {
      {"schema", "litewright/flight/1"}, {"name", name}, {"path", path}, {"time", time}, {"why", why},
      {"reports", ring.size()}};
  const std::string text = json_text(head) + "\n" + ring.lines();
  std::error_code ignored;
  fs::create_directories(around_.folder, ignored);
  write_file_durably(file, std::as_bytes(std::span(text)));
  forget_oldest();
  around_.log({.event = "flight.kept",
               .severity = Severity::kWarning,
               .database = name,
               .text = fmt::format("{}: the last minutes are in {}", why, file),
               .fields = {{"file", file}, {"why", why}}});
}

// Their names begin with their time.
void FlightRecorder::forget_oldest() const {
  std::vector<fs::path> files;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(around_.folder, failure)) {
    if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (std::size_t at = 0; at + kMostFiles < files.size(); ++at) fs::remove(files[at], failure);
}

}  // namespace litewright
