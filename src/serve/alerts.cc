#include "serve/alerts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/json_text.h"
#include "base/time_text.h"
#include "operate/maintenance_plan.h"

namespace litewright {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::seconds kLookEvery{1};
constexpr std::array<std::chrono::seconds, 4> kTryAgainAfter = {
    std::chrono::seconds(2), std::chrono::seconds(10), std::chrono::seconds(60), std::chrono::seconds(300)};
constexpr std::size_t kTriesBeforeFinding = 2;
constexpr std::size_t kMostPending = 256;
constexpr int kDeliverers = 3;
constexpr std::uint64_t kMostKept = 16 << 20;

bool is_quiet(const std::string& hours, WallTime time) {
  constexpr std::size_t kClockAt = 11;  // of "2026-11-20 14:03:05"
  return within_hours(hours, format_local_time(time).substr(kClockAt, 5));
}

std::vector<OpenFinding> all_open(const StatusBoard& board) {
  std::vector<OpenFinding> open;
  for (Finding& finding : board.daemon_findings()) open.push_back({.finding = std::move(finding)});
  for (const auto& entry : board.databases()) {
    for (Finding& finding : entry->open_findings())
      open.push_back({.database = entry->name, .finding = std::move(finding)});
  }
  return open;
}

Bytes bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

}  // namespace

void require_alert(const AlertSettings& alert) {
  try {
    require_channel(alert.channel);
    for (const AlertEscalation& escalation : alert.escalation) require_channel(escalation.channel);
    within_hours(alert.quiet_hours, "00:00");
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("alert '{}': {}", alert.name, error.what()), error.hint());
  }
}

Alerts::Alerts(std::vector<AlertSettings> alerts, AlertSurroundings surroundings)
    : alerts_(std::move(alerts)),
      around_(std::move(surroundings)),
      book_(alerts_, is_quiet),
      file_(around_.state_folder + "/alerts.json") {
  for (const AlertSettings& alert : alerts_) require_alert(alert);
  if (!alerts_.empty()) begin();
}

void Alerts::begin() {
  try {
    book_.restore(parse_ordered_json(read_whole_file(file_, kMostKept)));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNoDatabase) {
      around_.log({.event = "warning",
                   .severity = Severity::kWarning,
                   .text = fmt::format("what alerts told before is not known: {}", error.what())});
    }
  }
  threads_.emplace_back([this] { watch(); });
  for (int i = 0; i < kDeliverers; ++i) threads_.emplace_back([this] { deliver_all(); });
}

void Alerts::use(std::vector<AlertSettings> alerts) {
  for (const AlertSettings& alert : alerts) require_alert(alert);
  {
    const std::lock_guard lock(mutex_);
    if (alerts == (next_ ? *next_ : alerts_)) return;
    next_ = std::move(alerts);
  }
  if (!threads_.empty()) return;
  take_next();
  begin();
}

// Of the watching thread, and before there is one.
void Alerts::take_next() {
  const std::lock_guard lock(mutex_);
  if (!next_) return;
  const Json told = book_.kept();
  alerts_ = std::move(*next_);
  next_.reset();
  book_ = AlertBook(alerts_, is_quiet);
  book_.restore(told);
}

Alerts::~Alerts() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Alerts::watch() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kLookEvery, [this] { return stopping_; })) {
    lock.unlock();
    try {
      take_next();
      look();
    } catch (const std::exception& error) {
      around_.log({.event = "warning",
                   .severity = Severity::kWarning,
                   .text = fmt::format("alerts: {}", error.what())});
    }
    lock.lock();
  }
}

// First what is told is kept, then it is sent: killed in between, one message is lost rather than every
// restart sending it again; `repeat` tells it later.
void Alerts::look() {
  // A daemon that begins knows no findings yet: nothing is over because of that.
  if (!around_.board.started()) return;
  const WallTime now = around_.clock.wall();
  const std::vector<AlertMessage> messages = book_.look(all_open(around_.board), now);
  keep();
  const std::lock_guard lock(mutex_);
  for (const AlertMessage& message : messages) {
    const AlertSettings& alert = alerts_[message.alert];
    const AlertChannel& channel =
        message.level == 0 ? alert.channel : alert.escalation[message.level - 1].channel;
    for (AlertDelivery& delivery : deliveries(channel, alert_document(message, alert, around_.host, now)))
      add(std::move(delivery), alert.name);
  }
  while (pending_.size() > kMostPending) {
    give_up(pending_.front(), "too many wait");
    pending_.pop_front();
  }
  if (!messages.empty()) changed_.notify_all();
}

void Alerts::keep() {
  std::string kept = json_text(book_.kept());
  if (kept == kept_) return;
  try {
    write_file_durably(file_, bytes_of(kept));
    kept_ = std::move(kept);
    not_kept_.clear();
  } catch (const Error& error) {
    if (not_kept_ == error.what()) return;
    not_kept_ = error.what();
    around_.log(
        {.event = "warning",
         .severity = Severity::kWarning,
         .text = fmt::format("what alerts told is not kept, and told again after a restart: {}", not_kept_)});
  }
}

// Under mutex_.
void Alerts::give_up(const Pending& pending, const std::string& why) {
  around_.log(
      {.event = "alert.failed",
       .severity = Severity::kWarning,
       .text = fmt::format("an alert did not arrive: {}: {}", shown_delivery(pending.delivery), why)});
}

void Alerts::deliver_all() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto next = next_due();
    if (next == pending_.end()) {
      changed_.wait_for(lock, kLookEvery);
      continue;
    }
    Pending pending = std::move(*next);
    pending_.erase(next);
    const Receiver receiver(pending.delivery.way, pending.delivery.where);
    being_told_.insert(receiver);
    lock.unlock();
    std::string failure;
    try {
      deliver(pending.delivery, around_.run);
    } catch (const std::exception& error) {
      failure = error.what();
    }
    tell_state(pending, failure);
    lock.lock();
    being_told_.erase(receiver);
    if (!failure.empty()) failed(std::move(pending), failure);
    changed_.notify_all();
  }
}

// Under mutex_. A receiver that failed may be well again: it is tried at once, and nothing is lost by that.
void Alerts::add(AlertDelivery delivery, const std::string& alert) {
  for (Pending& other : pending_) {
    other.hurried |= other.delivery.way == delivery.way && other.delivery.where == delivery.where;
  }
  pending_.push_back({.delivery = std::move(delivery), .alert = alert, .due = around_.clock.steady()});
}

// One that failed and was well again within seconds is no news.
void Alerts::tell_state(const Pending& pending, const std::string& failure) {
  if (!failure.empty() && pending.tries < kTriesBeforeFinding) return;
  const std::string shown = shown_delivery(pending.delivery);
  around_.board.tell_of_daemon({.id = "alert.undelivered",
                                .severity = failure.empty() ? Severity::kOk : Severity::kWarning,
                                .object = fmt::format("{}: {}", pending.alert, shown),
                                .meaning = fmt::format("what alert '{}' has to say does not arrive: {}: {}",
                                                       pending.alert, shown, failure),
                                .remedy = "litewright serve --check-config"});
}

// Under mutex_. The first of each receiver, where that is due and nobody is at it.
std::deque<Alerts::Pending>::iterator Alerts::next_due() {
  const SteadyTime now = around_.clock.steady();
  std::set<Receiver> behind = being_told_;
  return std::ranges::find_if(pending_, [&](const Pending& pending) {
    return behind.emplace(pending.delivery.way, pending.delivery.where).second &&
           (pending.due <= now || pending.hurried);
  });
}

// Under mutex_. It stays before what else its receiver is to be told.
void Alerts::failed(Pending pending, const std::string& why) {
  const bool early = std::exchange(pending.hurried, false) && pending.due > around_.clock.steady();
  if (early) return pending_.push_front(std::move(pending));
  if (pending.tries == kTryAgainAfter.size()) return give_up(pending, why);
  if (pending.tries == 0) {
    around_.log({.event = "alert.delayed",
                 .severity = Severity::kWarning,
                 .text = fmt::format("an alert did not arrive and is tried again: {}: {}",
                                     shown_delivery(pending.delivery), why)});
  }
  pending.due = around_.clock.steady() + kTryAgainAfter.at(pending.tries++);
  pending_.push_front(std::move(pending));
}

}  // namespace litewright
