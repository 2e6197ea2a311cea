// Lets so many do something at a time. Whoever was refused for long enough should go without: one of those
// inside may hang.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

namespace litewright {

class Turnstile {
 public:
  explicit Turnstile(int places) : free_(places) {}

  // A place, given back when it is destroyed; or none, after waiting in vain.
  class Turn {
   public:
    Turn() = default;
    explicit Turn(Turnstile* of) : of_(of) {}
    Turn(Turn&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    Turn& operator=(Turn&& other) noexcept {
      std::swap(of_, other.of_);
      return *this;
    }
    ~Turn() { give_back(); }
    explicit operator bool() const { return of_ != nullptr; }
    void give_back() {
      if (Turnstile* of = std::exchange(of_, nullptr)) of->leave();
    }

   private:
    Turnstile* of_ = nullptr;
  };

  // None where all are taken.
  Turn try_enter() { return enter(std::chrono::milliseconds(0)); }
  // Returns after `patience` at the latest.
  Turn enter(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, patience, [this] { return free_ > 0; })) return {};
    free_--;
    return Turn(this);
  }

 private:
  void leave() {
    {
      const std::lock_guard lock(mutex_);
      free_++;
    }
    changed_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int free_;
};

}  // namespace litewright
