#include "serve/alerts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

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
constexpr std::size_t kMostPending = 256, kMostPendingBytes = 8 << 20;
constexpr int kDeliverers = 3;
constexpr std::uint64_t kMostKept = 64 << 20;
constexpr std::array<std::string_view, 3> kWays = {"command", "webhook", "syslog"};

bool is_quiet(const std::string& hours, WallTime time) {
  constexpr std::size_t kClockAt = 11;  // of "2026-11-20 14:03:05"
  return within_hours(hours, format_local_time(time).substr(kClockAt, 5));
}

std::vector<OpenFinding> all_open(const StatusBoard& board) {
  std::vector<OpenFinding> open;
  for (Finding& finding : board.daemon_findings()) {
    OpenFinding one = {.database = finding.database, .finding = std::move(finding)};
    one.deleted = one.finding.id == AlertBook::kDeleted && board.find(one.database) == nullptr;
    open.push_back(std::move(one));
  }
  for (const auto& entry : board.databases()) {
    for (Finding& finding : entry->open_findings())
      open.push_back({.database = entry->name, .finding = std::move(finding)});
  }
  return open;
}

Bytes bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

// Nothing where there is no such alert or level.
const AlertChannel* channel_of(const std::vector<AlertSettings>& alerts, const std::string& name,
                               std::size_t level) {
  const auto alert = std::ranges::find(alerts, name, &AlertSettings::name);
  if (alert == alerts.end() || level > alert->escalation.size()) return nullptr;
  return level == 0 ? &alert->channel : &alert->escalation[level - 1].channel;
}

const std::string& place_of(const AlertChannel& channel, AlertWay way) {
  if (way == AlertWay::kWebhook) return channel.webhook;
  return way == AlertWay::kSyslog ? channel.syslog : channel.command;
}

std::string text_in(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

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
    const Json kept = parse_ordered_json(read_whole_file(file_, kMostKept));
    book_.restore(kept);
    book_.forget(AlertBook::kDeleted);  // whether that is over nobody knows
    restore(kept);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNoDatabase) {
      around_.log({.event = "warning",
                   .severity = Severity::kWarning,
                   .text = fmt::format("what alerts told before is not known: {}", error.what())});
    }
  }
  told_ = json_text(book_.kept());
  threads_.emplace_back([this] { watch(); });
  for (int i = 0; i < kDeliverers; ++i) threads_.emplace_back([this] { deliver_all(); });
}

// What was on its way, to where its alert says now. Before there are threads.
void Alerts::restore(const Json& kept) {
  if (!kept.is_object() || !kept.contains("pending") || !kept["pending"].is_array()) return;
  for (const Json& one : kept["pending"]) {
    if (!one.is_object()) continue;
    const auto way = std::ranges::find(kWays, text_in(one, "way"));
    const auto level = one.find("level");
    if (way == kWays.end() || level == one.end() || !level->is_number_unsigned()) continue;
    Pending pending = {
        .delivery = {.way = static_cast<AlertWay>(way - kWays.begin()), .document = text_in(one, "document")},
        .alert = text_in(one, "alert"),
        .level = level->get<std::size_t>(),
        .noted = true};
    const AlertChannel* channel = channel_of(alerts_, pending.alert, pending.level);
    if (channel != nullptr) pending.delivery.where = place_of(*channel, pending.delivery.way);
    if (!pending.delivery.where.empty()) add(std::move(pending));
  }
  bound();
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

// What is told is kept together with what is to be sent, and then it is sent: killed anywhere, nothing is
// lost.
void Alerts::look() {
  // A daemon that begins knows no findings yet: nothing is over because of that.
  if (!around_.board.started()) return;
  const WallTime now = around_.clock.wall();
  const std::vector<AlertMessage> messages = book_.look(all_open(around_.board), now);
  {
    std::string told = json_text(book_.kept());
    const std::lock_guard lock(mutex_);
    kept_ &= told == told_;
    told_ = std::move(told);
    for (const AlertMessage& message : messages) add(message, now);
    bound();
  }
  keep();
  const std::lock_guard lock(mutex_);
  for (Pending& pending : pending_) pending.noted = true;
  if (!messages.empty()) changed_.notify_all();
}

// Where that fails it is tried again with the next look.
void Alerts::keep() {
  const std::lock_guard keeping(keeping_);
  std::string text;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(kept_, true)) return;
    text = to_keep();
  }
  try {
    write_file_durably(file_, bytes_of(text));
    not_kept_.clear();
  } catch (const Error& error) {
    {
      const std::lock_guard lock(mutex_);
      kept_ = false;
    }
    if (not_kept_ == error.what()) return;
    not_kept_ = error.what();
    around_.log(
        {.event = "warning",
         .severity = Severity::kWarning,
         .text = fmt::format("what alerts told is not kept: a restart tells it again, and loses what is "
                             "on its way: {}",
                             not_kept_)});
  }
}

// Under mutex_. The book's object with one more key.
std::string Alerts::to_keep() {
  Json pending = Json::array();
  for (const Pending& one : pending_) {
    pending.push_back({{"alert", one.alert},
                       {"level", one.level},
                       {"way", kWays.at(static_cast<std::size_t>(one.delivery.way))},
                       {"document", one.delivery.document}});
  }
  return fmt::format("{},\"pending\":{}}}", std::string_view(told_).substr(0, told_.size() - 1),
                     json_text(pending));
}

// Under mutex_.
void Alerts::give_up(Outbox::iterator pending, const std::string& why) {
  around_.log(
      {.event = "alert.failed",
       .severity = Severity::kWarning,
       .text = fmt::format("an alert did not arrive: {}: {}", shown_delivery(pending->delivery), why)});
  pending_.erase(pending);
  kept_ = false;
}

void Alerts::deliver_all() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto next = next_due();
    if (next == pending_.end()) {
      changed_.wait_for(lock, kLookEvery);
      continue;
    }
    next->under_way = true;
    const Pending& pending = *next;  // nobody else touches what is under way, but to hurry it
    lock.unlock();
    std::string failure;
    try {
      deliver(pending.delivery, around_.run);
    } catch (const std::exception& error) {
      failure = error.what();
    }
    tell_state(pending, failure);
    lock.lock();
    next->under_way = false;
    if (failure.empty()) {
      pending_.erase(next);
      kept_ = false;
    } else {
      failed(next, failure);
    }
    lock.unlock();
    keep();
    lock.lock();
    changed_.notify_all();
  }
}

// Under mutex_.
void Alerts::add(const AlertMessage& message, WallTime now) {
  const AlertSettings& alert = alerts_[message.alert];
  const AlertChannel& channel = *channel_of(alerts_, alert.name, message.level);
  for (AlertDelivery& delivery : deliveries(channel, alert_document(message, alert, around_.host, now)))
    add({.delivery = std::move(delivery), .alert = alert.name, .level = message.level});
}

// Under mutex_. A receiver that failed may be well again: it is tried at once, and nothing is lost by that.
void Alerts::add(Pending pending) {
  for (Pending& other : pending_) {
    other.hurried |=
        other.delivery.way == pending.delivery.way && other.delivery.where == pending.delivery.where;
  }
  pending.due = around_.clock.steady();
  pending_.push_back(std::move(pending));
  kept_ = false;
}

// Under mutex_.
void Alerts::bound() {
  std::size_t bytes = 0;
  for (const Pending& pending : pending_) bytes += pending.delivery.document.size();
  for (auto at = pending_.begin();
       at != pending_.end() && (pending_.size() > kMostPending || bytes > kMostPendingBytes);) {
    const auto oldest = at++;
    if (oldest->under_way) continue;
    bytes -= oldest->delivery.document.size();
    give_up(oldest, "too many wait");
  }
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
Alerts::Outbox::iterator Alerts::next_due() {
  const SteadyTime now = around_.clock.steady();
  std::set<std::pair<AlertWay, std::string_view>> behind;
  return std::ranges::find_if(pending_, [&](const Pending& pending) {
    return behind.emplace(pending.delivery.way, pending.delivery.where).second && pending.noted &&
           !pending.under_way && (pending.due <= now || pending.hurried);
  });
}

// Under mutex_. It stays before what else its receiver is to be told.
void Alerts::failed(Outbox::iterator pending, const std::string& why) {
  const bool early = std::exchange(pending->hurried, false) && pending->due > around_.clock.steady();
  if (early) return;
  if (pending->tries == kTryAgainAfter.size()) return give_up(pending, why);
  if (pending->tries == 0) {
    around_.log({.event = "alert.delayed",
                 .severity = Severity::kWarning,
                 .text = fmt::format("an alert did not arrive and is tried again: {}: {}",
                                     shown_delivery(pending->delivery), why)});
  }
  pending->due = around_.clock.steady() + kTryAgainAfter.at(pending->tries++);
}

}  // namespace litewright
