// An alert's message on its way out: as JSON for commands and webhooks, as lines for syslog.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/alert_settings.h"
#include "serve/alert_book.h"
#include "serve/own_command.h"

namespace litewright {

// {"schema": "litewright/alert/1", "alert", "level", "contacts", "host", "time", "text", "notices", "more"}
// (docs/operating/alerts.md). At most kMostNotices of them; `more` says how many are left out.
nlohmann::ordered_json alert_document(const AlertMessage& message, const AlertSettings& alert,
                                      const std::string& host, WallTime now);
constexpr std::size_t kMostNotices = 100;

// One delivery: a document to one of a channel's ways out.
enum class AlertWay { kCommand, kWebhook, kSyslog };
struct AlertDelivery {
  AlertWay way = AlertWay::kCommand;
  std::string where = {};     // the command, the URL, the facility
  std::string document = {};  // JSON; for syslog a line a finding, each with its level in front: "<2>…"
};

// One for each way out that the channel has.
std::vector<AlertDelivery> deliveries(const AlertChannel& channel, const nlohmann::ordered_json& document);

// Does it; throws Error where it did not arrive: a command that does not end with 0, an answer that is not
// 2xx. Takes at most half a minute.
void deliver(const AlertDelivery& delivery, const RunOwnCommand& run);

// "webhook https://hooks.example", "command page-ops": what may be shown.
std::string shown_delivery(const AlertDelivery& delivery);

// Throws Error{kConfig} for what can never arrive: a URL of another protocol, no facility of that name.
void require_channel(const AlertChannel& channel);

}  // namespace litewright
