#include "serve/member_scan.h"

#include <algorithm>

namespace litewright {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPause{1000};
constexpr milliseconds kLongestPause{60'000};
// In folders that did not change: a link may lead elsewhere now.
constexpr milliseconds kLongestTrust{300'000};
constexpr int kShareOfTime = 100;  // looking takes a hundredth of it at most, but for kLongestPause
// A folder that changed so shortly before it was read may have changed again at the same time by its clock.
constexpr milliseconds kClockGrain{100};

// What the last look went by.
struct LastLook {
  std::shared_ptr<const Configuration> configuration = {};
  std::optional<std::vector<WallTime>> folders = {};
  Steady::time_point at = {};
  bool still_holds(const std::shared_ptr<const Configuration>& now_configuration,
                   const std::optional<std::vector<WallTime>>& now_folders) const {
    return folders && now_configuration == configuration && now_folders == folders &&
           Steady::now() - at < kLongestTrust;
  }
};

bool is_settled(const std::vector<WallTime>& folders, WallTime now) {
  return std::ranges::all_of(folders, [&](WallTime changed) { return now - changed > kClockGrain; });
}

}  // namespace

MemberScan::MemberScan() : thread_([this] { run(); }) {}

MemberScan::~MemberScan() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void MemberScan::use(std::shared_ptr<const Configuration> configuration) {
  const std::lock_guard lock(mutex_);
  configuration_ = std::move(configuration);
  result_.reset();
  other_ = true;
  changed_.notify_all();
}

std::optional<MemberScan::Result> MemberScan::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(result_, std::nullopt);
}

// What can't be read, or means no databases, is looked at again though no folder changed.
MemberScan::Result MemberScan::look(const std::shared_ptr<const Configuration>& configuration,
                                    std::vector<Member>& before, bool& settled) {
  Result result{.configuration = configuration};
  try {
    MembersFound found = look_for_members(configuration, before);
    settled = settled && found.all_read;
    result.members = before = std::move(found.members);
    result.troubles = std::move(found.troubles);
  } catch (const std::exception& error) {
    result.failure = error.what();
    settled = false;
  }
  return result;
}

void MemberScan::run() {
  LastLook last;
  std::vector<Member> before;  // as they were last found
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    changed_.wait(lock, [this] { return stopping_ || configuration_; });
    if (stopping_) return;
    other_ = false;
    Result result{.configuration = configuration_};
    lock.unlock();
    const Steady::time_point began = Steady::now();
    std::optional folders = folders_changed(*result.configuration);
    const bool same = last.still_holds(result.configuration, folders);
    if (!same) {
      bool settled = is_settled(*folders, std::chrono::system_clock::now());
      result = look(result.configuration, before, settled);
      if (!settled) folders.reset();
      last = {result.configuration, std::move(folders), began};
    }
    const auto took = std::chrono::duration_cast<milliseconds>(Steady::now() - began);
    lock.lock();
    if (!same && !other_) result_ = std::move(result);
    changed_.wait_for(lock, std::clamp(took * kShareOfTime, kPause, kLongestPause),
                      [this] { return stopping_ || other_; });
  }
}

}  // namespace litewright
