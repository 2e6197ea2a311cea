#include "base/rest_watch_linux.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "base/process_memory_linux.h"

namespace litewright {
namespace {

constexpr int kRestsBeforeTrim = 200;
constexpr std::chrono::seconds kBetweenTrims{15};
constexpr std::size_t kNotLookedAt = std::numeric_limits<std::size_t>::max();

}  // namespace

RestWatch::RestWatch() : inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  thread_ = std::thread([this] { run(); });
}

RestWatch::~RestWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.signal();
  thread_.join();
}

std::optional<RestWatch::FileId> RestWatch::file_id(const std::string& path) {
  struct stat about{};
  if (path.empty() || ::stat(path.c_str(), &about) != 0) return std::nullopt;
  return FileId(about.st_dev, about.st_ino);
}

// One watch a file: somebody else's would be changed by ours, and ours by his. -1: none to be had.
int RestWatch::watch_file(const std::string& path, std::uint32_t mask, Id id) {
  const int watch = ::inotify_add_watch(inotify_.get(), path.c_str(), mask | IN_ONESHOT | IN_MASK_CREATE);
  if (watch >= 0) watches_[watch] = id;
  return watch;
}

void RestWatch::drop_watch(int watch) {
  if (watch < 0 || watches_.erase(watch) == 0) return;
  ::inotify_rm_watch(inotify_.get(), watch);
}

RestWatch::Id RestWatch::begin(Rest rest) {
  const std::lock_guard lock(mutex_);
  const Id id = ++last_;
  Resting resting;
  if (!rest.written.empty()) {
    resting.written_watch =
        watch_file(rest.written, IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF, id);
    if (resting.written_watch < 0) return 0;
  }
  if (!rest.replaced.empty()) {
    resting.replaced_watch =
        watch_file(rest.replaced, IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF, id);
    if (resting.replaced_watch < 0) {
      drop_watch(resting.written_watch);
      return 0;
    }
  }
  resting.written = file_id(rest.written);
  resting.replaced = file_id(rest.replaced);
  // After the files are watched: what came before is seen here.
  if (rest.look.stirs() || (rest.stirs_already && rest.stirs_already())) {
    drop_watch(resting.written_watch);
    drop_watch(resting.replaced_watch);
    return 0;
  }
  const bool looks = rest.look.word != nullptr || rest.look.descriptor >= 0;
  const bool first_look = looks && looked_at_.empty();
  if (first_look) {
    next_look_ = std::chrono::steady_clock::now() + between_looks();
    next_look_up_ = next_look_;
  }
  begun_++;
  resting.deadline = deadlines_.emplace(rest.until, id);
  const bool sooner = resting.deadline == deadlines_.begin();
  resting.looked_at = looks ? looked_at_.size() : kNotLookedAt;
  if (looks)
    looked_at_.push_back({rest.look, id, !resting.written || silent_.contains(resting.written->first)});
  resting.rest = std::move(rest);
  resting_.emplace(id, std::move(resting));
  if (first_look || sooner) changed_.signal();
  return id;
}

std::function<void()> RestWatch::end_locked(Id id) {
  const auto found = resting_.find(id);
  if (found == resting_.end()) return {};
  Resting over = std::move(found->second);
  resting_.erase(found);
  if (over.looked_at != kNotLookedAt) look_away_locked(over.looked_at);
  deadlines_.erase(over.deadline);
  drop_watch(over.written_watch);
  drop_watch(over.replaced_watch);
  return std::move(over.rest.awake);
}

// The last one takes its place.
void RestWatch::look_away_locked(std::size_t place) {
  if (place + 1 < looked_at_.size()) {
    looked_at_[place] = looked_at_.back();
    resting_.at(looked_at_[place].id).looked_at = place;
  }
  looked_at_.pop_back();
}

void RestWatch::wake(Id id) {
  const std::lock_guard lock(mutex_);
  if (!resting_.contains(id)) return;
  woken_.push_back(id);
  changed_.signal();
}

void RestWatch::forget(Id id) {
  {
    const std::lock_guard lock(mutex_);
    end_locked(id);
  }
  const std::lock_guard none_is_called(calling_);
}

void RestWatch::run() {
  pollfd waiting[2] = {{inotify_.get(), POLLIN, 0}, {changed_.fd(), POLLIN, 0}};
  while (true) {
    ::poll(waiting, 2, sleep_milliseconds());
    changed_.drain();
    const std::lock_guard calling(calling_);
    Awakes over;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      const SteadyTime now = std::chrono::steady_clock::now();
      read_events(over);
      take_woken(now, over);
      if (!looked_at_.empty() && now >= next_look_) look(now, over);
    }
    for (const auto& awake : over) {
      if (awake) awake();
    }
    give_back_memory();
  }
}

// Whoever lies down has freed much, here and there.
void RestWatch::give_back_memory() {
  const SteadyTime now = std::chrono::steady_clock::now();
  if (begun_ < kRestsBeforeTrim || now < next_trim_) return;
  begun_ = 0;
  next_trim_ = now + kBetweenTrims;
  give_back_heap();
}

int RestWatch::sleep_milliseconds() const {
  const std::lock_guard lock(mutex_);
  if (stopping_ || !woken_.empty()) return 0;
  SteadyTime until = !looked_at_.empty() ? next_look_ : SteadyTime::max();
  if (!deadlines_.empty()) until = std::min(until, deadlines_.begin()->first);
  if (until == SteadyTime::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, std::numeric_limits<int>::max()));
}

// Where events were dropped for want of room in the kernel's queue, everything is awake.
void RestWatch::read_events(Awakes& over) {
  alignas(inotify_event) char buffer[16384];
  ssize_t length = 0;
  // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection): opened with IN_NONBLOCK
  while ((length = ::read(inotify_.get(), buffer, sizeof buffer)) > 0) {
    for (ssize_t at = 0; at + static_cast<ssize_t>(sizeof(inotify_event)) <= length;) {
      inotify_event event{};
      std::memcpy(&event, buffer + at, sizeof event);
      at += static_cast<ssize_t>(sizeof event + event.len);
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        while (!resting_.empty()) over.push_back(end_locked(resting_.begin()->first));
      }
      if (const auto found = watches_.find(event.wd); found != watches_.end())
        over.push_back(end_locked(found->second));
    }
  }
}

void RestWatch::take_woken(SteadyTime now, Awakes& over) {
  for (const Id id : std::exchange(woken_, {})) over.push_back(end_locked(id));
  while (!deadlines_.empty() && deadlines_.begin()->first <= now)
    over.push_back(end_locked(deadlines_.begin()->second));
}

void RestWatch::look(SteadyTime now, Awakes& over) {
  next_look_ = now + between_looks();
  const std::size_t all = looked_at_.size();
  std::vector<Id> stirring, changed;
  const std::size_t locks = std::min(all, std::max(kLooksAtATime, all / kMostTurns));
  for (std::size_t i = 0; i < locks; i++) {
    const LookedAt& at = looked_at_[next_lock_++ % all];
    if (at.look.lock_stirs() || (at.silent && at.look.word_stirs())) stirring.push_back(at.id);
  }
  const std::size_t words = std::min(all, std::max(kFew, all / kWordTurns));
  for (std::size_t i = 0; i < words; i++) {
    const LookedAt& at = looked_at_[next_word_++ % all];
    if (at.look.word_stirs()) changed.push_back(at.id);
  }
  look_up_names(now, stirring);
  for (const Id id : stirring) over.push_back(end_locked(id));
  for (const Id id : changed) end_changed_locked(id, over);
}

void RestWatch::look_up_names(SteadyTime now, std::vector<Id>& stirring) {
  const std::size_t all = looked_at_.size();
  if (all == 0) return;
  const auto between = std::min<std::chrono::nanoseconds>(
      kLookUpOne, std::chrono::nanoseconds(kLookUp) / static_cast<int>(all));
  for (std::size_t i = 0; i < all && next_look_up_ <= now; i++, next_look_up_ += between) {
    const Id id = looked_at_[next_name_++ % all].id;
    const Resting& resting = resting_.at(id);
    if (resting.replaced && file_id(resting.rest.replaced) != resting.replaced) stirring.push_back(id);
  }
  next_look_up_ = std::max(next_look_up_, now);
}

bool RestWatch::is_silent(const std::string& file) const {
  const auto id = file_id(file);
  const std::lock_guard lock(mutex_);
  return id && silent_.contains(id->first);
}

// A writer writes to the file first: what has changed without that is known of was written in silence.
void RestWatch::end_changed_locked(Id id, Awakes& over) {
  read_events(over);
  const auto found = resting_.find(id);
  if (found == resting_.end()) return;
  if (found->second.written) silent_.insert(found->second.written->first);
  over.push_back(end_locked(id));
}

}  // namespace litewright
