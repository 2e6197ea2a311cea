#include "serve/member_scan.h"

#include <algorithm>

namespace litewright {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPause{2000};
constexpr std::chrono::milliseconds kLongestPause{60'000};
constexpr int kShareOfTime = 100;  // looking takes a hundredth of it at most, but for kLongestPause

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

void MemberScan::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    changed_.wait(lock, [this] { return stopping_ || configuration_; });
    if (stopping_) return;
    other_ = false;
    Result result{.configuration = configuration_};
    lock.unlock();
    const Steady::time_point began = Steady::now();
    try {
      result.members = find_members(result.configuration);
    } catch (const std::exception& error) {
      result.failure = error.what();
    }
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - began);
    lock.lock();
    if (!other_) result_ = std::move(result);
    changed_.wait_for(lock, std::clamp(took * kShareOfTime, kPause, kLongestPause),
                      [this] { return stopping_ || other_; });
  }
}

}  // namespace litewright
