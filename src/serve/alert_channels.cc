#include "serve/alert_channels.h"

#include <fmt/format.h>
#include <syslog.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "base/http_client.h"
#include "base/json_text.h"
#include "base/shell_words.h"
#include "base/time_text.h"
#include "serve/syslog_socket.h"

namespace litewright {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostCommandBytes = 100 << 10;  // an argument has 128 KiB at most
constexpr std::chrono::seconds kCommandTime{30}, kWebhookTime{10};
constexpr int kLeastGood = 200, kLastGood = 299;
// What the command is told arrives on its standard input; its own text is no part of ours. What it prints is
// nobody's, however much that is.
constexpr const char* kFeed = "printf '%s\\n' \"$2\" | /bin/sh -c \"$1\" > /dev/null";

struct Facility {
  std::string_view name;
  int number;
};
constexpr std::array<Facility, 10> kFacilities = {{{"daemon", LOG_DAEMON},
                                                   {"user", LOG_USER},
                                                   {"local0", LOG_LOCAL0},
                                                   {"local1", LOG_LOCAL1},
                                                   {"local2", LOG_LOCAL2},
                                                   {"local3", LOG_LOCAL3},
                                                   {"local4", LOG_LOCAL4},
                                                   {"local5", LOG_LOCAL5},
                                                   {"local6", LOG_LOCAL6},
                                                   {"local7", LOG_LOCAL7}}};

const Facility* facility_of(const std::string& name) {
  const auto* found = std::ranges::find(kFacilities, name, &Facility::name);
  return found == kFacilities.end() ? nullptr : found;
}

// "critical: shop: a reader has pinned the WAL (pid 7); litewright locks shop"
std::string notice_text(const AlertNotice& notice, WallTime now) {
  const bool over = notice.reason == AlertReason::kCleared;
  const std::string_view word = over ? "over" : severity_name(notice.finding.severity);
  std::string text = fmt::format("{}: {}: {}", word, notice.database.empty() ? "litewright" : notice.database,
                                 notice.finding.meaning.empty() ? notice.finding.id : notice.finding.meaning);
  if (!notice.finding.object.empty()) text += fmt::format(" ({})", notice.finding.object);
  if (over || notice.reason == AlertReason::kRepeated || notice.reason == AlertReason::kEscalated)
    text += fmt::format(", since {}", format_duration(now - notice.since));
  if (!over && !notice.finding.remedy.empty()) text += "; " + notice.finding.remedy;
  std::ranges::replace(text, '\n', ' ');
  return printable(text);
}

int syslog_level(const Json& finding) {
  if (finding["severity"] == severity_name(Severity::kCritical)) return LOG_CRIT;
  return finding["severity"] == severity_name(Severity::kWarning) ? LOG_WARNING : LOG_NOTICE;
}

// The text has a line for each notice, and one for those that are left out.
std::string text_with_levels(const Json& document) {
  std::string made, line;
  std::istringstream text(document["text"].get<std::string>());
  for (std::size_t at = 0; std::getline(text, line); ++at) {
    const Json& notices = document["notices"];
    const int level = at < notices.size() ? syslog_level(notices[at]["finding"]) : LOG_NOTICE;
    made += fmt::format("<{}>{}\n", level, line);
  }
  return made;
}

void tell_syslog(const AlertDelivery& delivery) {
  const Facility* facility = facility_of(delivery.where);
  if (facility == nullptr) return;  // require_channel() refused it
  std::vector<SyslogLine> lines;
  std::string line;
  std::istringstream text(delivery.document);
  constexpr std::size_t kLevel = 3;  // "<2>"
  while (std::getline(text, line)) {
    if (line.size() < kLevel) continue;  // not ours: somebody wrote into the state folder
    lines.push_back({.priority = facility->number | (line[1] - '0'), .text = line.substr(kLevel)});
  }
  send_to_syslog(lines);
}

void run_command(const AlertDelivery& delivery, const RunOwnCommand& run) {
  const OwnCommandResult result =
      run({.words = {"-c", kFeed, "litewright", delivery.where, delivery.document},
           .time_limit = kCommandTime,
           .end_within = std::chrono::seconds(2),
           .program = "/bin/sh"});
  if (result.over_time) throw Error(ErrorCode::kIo, "it did not end within half a minute");
  if (result.status != 0)
    throw Error(ErrorCode::kIo, fmt::format("it ended with {}: {}", result.status, result.error));
}

}  // namespace

nlohmann::ordered_json alert_document(const AlertMessage& message, const AlertSettings& alert,
                                      const std::string& host, WallTime now) {
  const AlertChannel& channel =
      message.level == 0 ? alert.channel : alert.escalation.at(message.level - 1).channel;
  Json notices = Json::array();
  std::string text;
  std::size_t bytes = 0;
  for (const AlertNotice& notice : message.notices) {
    Json one = {{"reason", alert_reason_name(notice.reason)},
                {"name", notice.database},
                {"since", format_utc_time(notice.since)},
                {"finding", finding_to_json(notice.finding)}};
    const std::string line = notice_text(notice, now);
    bytes += line.size() + json_text(one).size();
    if (notices.size() == kMostNotices || bytes > kMostCommandBytes / 2) break;
    text += (text.empty() ? "" : "\n") + line;
    notices.push_back(std::move(one));
  }
  const std::size_t more = message.notices.size() - notices.size();
  if (more > 0) text += fmt::format("\nand {} more", more);
  return {{"schema", "litewright/alert/1"},
          {"alert", alert.name},
          {"level", message.level},
          {"contacts", channel.contacts},
          {"host", host},
          {"time", format_utc_time(now)},
          {"text", text},
          {"notices", std::move(notices)},
          {"more", more}};
}

std::vector<AlertDelivery> deliveries(const AlertChannel& channel, const nlohmann::ordered_json& document) {
  std::vector<AlertDelivery> all;
  const auto add = [&](AlertWay way, const std::string& where, std::string text) {
    if (!where.empty()) all.push_back({way, where, std::move(text)});
  };
  const std::string json = json_text(document);
  add(AlertWay::kSyslog, channel.syslog, text_with_levels(document));
  add(AlertWay::kCommand, channel.command, json);
  add(AlertWay::kWebhook, channel.webhook, json);
  return all;
}

void deliver(const AlertDelivery& delivery, const RunOwnCommand& run) {
  if (delivery.way == AlertWay::kCommand) return run_command(delivery, run);
  if (delivery.way == AlertWay::kWebhook) {
    const int status =
        http_post({.url = delivery.where, .body = delivery.document, .time_limit = kWebhookTime});
    if (status < kLeastGood || status > kLastGood)
      throw Error(ErrorCode::kIo, fmt::format("it answered {}", status));
    return;
  }
  tell_syslog(delivery);
}

std::string shown_delivery(const AlertDelivery& delivery) {
  if (delivery.way == AlertWay::kWebhook) return "webhook " + shown_url(delivery.where);
  if (delivery.way == AlertWay::kSyslog) return "syslog " + delivery.where;
  return "command " + delivery.where.substr(0, delivery.where.find(' '));
}

void require_channel(const AlertChannel& channel) {
  const std::string& url = channel.webhook;
  if (!url.empty() && !url.starts_with("http://") && !url.starts_with("https://"))
    throw Error(ErrorCode::kConfig,
                fmt::format("webhook: {} is neither http:// nor https://", shown_url(url)));
  if (!channel.syslog.empty() && facility_of(channel.syslog) == nullptr) {
    throw Error(ErrorCode::kConfig, fmt::format("syslog: there is no facility '{}'", channel.syslog),
                "daemon, user, local0 to local7");
  }
}

}  // namespace litewright
