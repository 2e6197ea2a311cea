// A progress bar on standard error: how much, how fast, how long still. Drawn on a terminal only, at most
// ten times a second; silent otherwise.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>

#include "base/clock.h"

namespace litewright {

// advance() may be called from several threads and costs an atomic addition and a look at the clock. The line
// is wiped by finish() or the destructor.
class Progress {
 public:
  enum class Unit { kBytes, kItems };
  struct Options {
    std::string label = {};  // "copy app.db"
    Unit unit = Unit::kBytes;
    std::uint64_t total = 0;  // 0: not known; then there is no percentage and no time left
  };

  // `stream` null: silent (Output::progress_stream() decides). Borrows the stream and the clock.
  Progress(std::FILE* stream, const Clock& clock, Options options);
  ~Progress();
  Progress(Progress&&) = delete;
  Progress& operator=(Progress&&) = delete;

  void advance(std::uint64_t amount);
  void set_total(std::uint64_t total) { total_.store(total, std::memory_order_relaxed); }
  std::uint64_t done() const { return done_.load(std::memory_order_relaxed); }
  void finish();

  // What the bar says, without escape sequences: "copy app.db  45 %  1.2 GB of 2.7 GB  230.0 MB/s  6.5 s
  // left".
  std::string text() const;

 private:
  void draw();

  std::FILE* stream_;
  const Clock& clock_;
  const Options options_;
  const SteadyTime begun_;
  std::atomic<std::uint64_t> total_;
  std::atomic<std::uint64_t> done_{0};
  std::atomic<SteadyTime::duration::rep> next_draw_;
  std::mutex drawing_;  // guards the stream
  bool drawn_ = false;  // guarded by drawing_
};

}  // namespace litewright
