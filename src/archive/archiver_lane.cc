#include "archive/archiver_lane.h"

#include <optional>
#include <utility>

namespace litewright {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds kAfterRefusal{100};
constexpr milliseconds kLongestTurn{500};      // then another one begins beside it: its store may hang
constexpr milliseconds kWithoutThread{1'000};  // the machine has none left

}  // namespace

ArchiverLane::ArchiverLane(RestWatch& rest, Options options) : rest_(rest), options_(std::move(options)) {
  const std::lock_guard lock(mutex_);
  begin_locked();
}

ArchiverLane::~ArchiverLane() {
  stop();
  RestWatch::Id waiting = 0, turn_ends = 0;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return over_; });
    waiting = waiting_;
    turn_ends = turn_ends_;
  }
  rest_.forget(waiting);
  rest_.forget(turn_ends);
  archiver_.reset();  // what rests is forgotten with it, and calls awake() no more
  thread_.join();
}

void ArchiverLane::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  if (archiver_) archiver_->stop();
  if (waiting_ != 0) rest_.wake(waiting_);
}

void ArchiverLane::hurry() {
  const std::lock_guard lock(mutex_);
  if (archiver_) archiver_->hurry();
}

// One that is being made finds out that it is to stop before it opens the database.
bool ArchiverLane::has_let_go() const {
  const std::lock_guard lock(mutex_);
  return stopping_ && (!archiver_ || archiver_->has_let_go());
}

void ArchiverLane::begun() {
  const std::lock_guard lock(mutex_);
  turn_.give_back();
}

std::shared_ptr<Archiver> ArchiverLane::archiver() const {
  const std::lock_guard lock(mutex_);
  return archiver_;
}

bool ArchiverLane::works() const {
  const std::lock_guard lock(mutex_);
  return thread_.runs();
}

bool ArchiverLane::wait_until_over(milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [this] { return over_; });
}

// There is something to do, perhaps before the pass that lay down has returned.
void ArchiverLane::awake() {
  const std::lock_guard lock(mutex_);
  waiting_ = 0;
  again_ = true;
  if (!thread_.runs() && !over_) begin_locked();
}

void ArchiverLane::end_turn() {
  const std::lock_guard lock(mutex_);
  turn_ends_ = 0;
  turn_.give_back();
}

void ArchiverLane::wait_locked(milliseconds time) {
  waiting_ = rest_.begin({.until = std::chrono::steady_clock::now() + time, .awake = [this] { awake(); }});
}

// Nobody waits for his turn on a thread.
void ArchiverLane::begin_locked() {
  if (!archiver_ && !stopping_ && options_.beginnings != nullptr && !turn_) {
    turn_ = options_.beginnings->try_enter();
    if (!turn_) return wait_locked(kAfterRefusal);
    if (turn_ends_ == 0)
      turn_ends_ = rest_.begin(
          {.until = std::chrono::steady_clock::now() + kLongestTurn, .awake = [this] { end_turn(); }});
  }
  if (options_.works) options_.works();
  try {
    thread_.begin([this] { run(); });
  } catch (const Error&) {
    turn_.give_back();
    wait_locked(kWithoutThread);
  }
}

void ArchiverLane::run() {
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      again_ = false;
    }
    pass();
    const std::lock_guard lock(mutex_);
    turn_.give_back();
    if (again_ && !over_) continue;
    thread_.ended();
    changed_.notify_all();
    return;
  }
}

void ArchiverLane::pass() {
  std::optional<Error> failure;
  try {
    const std::shared_ptr<Archiver> archiver = made();
    if (archiver && archiver->go_on([this] { awake(); }) == Archiver::Pass::kResting) return;
  } catch (const Error& error) {
    failure = error;
  } catch (const std::exception& error) {
    failure = Error(ErrorCode::kInternal, error.what());
  }
  std::shared_ptr<Archiver> gone;
  {
    const std::lock_guard lock(mutex_);
    gone = std::exchange(archiver_, nullptr);
  }
  gone.reset();
  const milliseconds pause = failure ? options_.failed(*failure) : milliseconds(0);
  std::unique_lock lock(mutex_);
  if (failure && !stopping_) return wait_locked(pause);
  lock.unlock();
  if (options_.over) options_.over();
  lock.lock();
  over_ = true;
}

// Null: it is to stop.
std::shared_ptr<Archiver> ArchiverLane::made() {
  {
    const std::lock_guard lock(mutex_);
    if (archiver_) return archiver_;
    if (stopping_) return nullptr;
  }
  std::shared_ptr<Archiver> archiver = options_.make(*this);
  const std::lock_guard lock(mutex_);
  archiver_ = archiver;
  if (stopping_) archiver_->stop();
  return archiver;
}

}  // namespace litewright
