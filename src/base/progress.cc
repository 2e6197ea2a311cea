#include "base/progress.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/time_text.h"

namespace litewright {

namespace {

constexpr SteadyTime::duration kBetweenDraws = std::chrono::milliseconds(100);
constexpr std::string_view kWipeLine = "\r\x1b[K";
// A rate means nothing before that.
constexpr double kShortestMeasured = 0.2;

}  // namespace

Progress::Progress(std::FILE* stream, const Clock& clock, Options options)
    : stream_(stream),
      clock_(clock),
      options_(std::move(options)),
      begun_(clock.steady()),
      total_(options_.total),
      next_draw_((begun_ + kBetweenDraws).time_since_epoch().count()) {}

Progress::~Progress() { finish(); }

void Progress::advance(std::uint64_t amount) {
  done_.fetch_add(amount, std::memory_order_relaxed);
  if (stream_ == nullptr) return;
  const SteadyTime now = clock_.steady();
  auto due = next_draw_.load(std::memory_order_relaxed);
  if (now.time_since_epoch().count() < due) return;
  const auto next = (now + kBetweenDraws).time_since_epoch().count();
  // Of several threads that are due, one draws.
  if (next_draw_.compare_exchange_strong(due, next, std::memory_order_relaxed)) draw();
}

void Progress::finish() {
  const std::lock_guard guard(drawing_);
  if (!drawn_) return;
  fmt::print(stream_, "{}", kWipeLine);
  std::fflush(stream_);
  drawn_ = false;
}

std::string Progress::text() const {
  const std::uint64_t done = done_.load(std::memory_order_relaxed);
  const std::uint64_t total = total_.load(std::memory_order_relaxed);
  const double seconds = std::chrono::duration<double>(clock_.steady() - begun_).count();
  const auto amount = [this](std::uint64_t value) {
    return options_.unit == Unit::kBytes ? format_size(value) : fmt::format("{}", value);
  };
  std::string text = options_.label;
  if (total > 0) {
    const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    text += fmt::format("  {:.0f} %  {} of {}", share * 100, amount(done), amount(total));
  } else {
    text += fmt::format("  {}", amount(done));
  }
  if (seconds < kShortestMeasured || done == 0) return text;
  const double rate = static_cast<double>(done) / seconds;
  text += fmt::format("  {}/s", amount(static_cast<std::uint64_t>(rate)));
  if (total > done) {
    const std::chrono::duration<double> left(static_cast<double>(total - done) / rate);
    // 1e9 s: beyond it nanoseconds overflow, and nobody waits.
    const auto bounded = std::min(left, std::chrono::duration<double>(1e9));
    text += fmt::format("  {} left",
                        format_duration(std::chrono::duration_cast<std::chrono::nanoseconds>(bounded)));
  }
  return text;
}

void Progress::draw() {
  const std::lock_guard guard(drawing_);
  fmt::print(stream_, "{}{}", kWipeLine, text());
  std::fflush(stream_);
  drawn_ = true;
}

}  // namespace litewright
