#include "serve/alert_book.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/time_text.h"

namespace litewright {
namespace {

using Json = nlohmann::ordered_json;

bool matches(const std::vector<std::string>& patterns, const std::string& text) {
  const auto fits = [&text](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
  };
  return patterns.empty() || std::ranges::any_of(patterns, fits);
}

std::optional<WallTime> time_in(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number_integer()) return std::nullopt;
  return WallTime(std::chrono::nanoseconds(found->get<std::int64_t>()));
}

std::string text_in(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

Severity severity_in(const Json& json, const char* key) {
  const std::string name = text_in(json, key);
  for (const Severity severity : {Severity::kInfo, Severity::kWarning, Severity::kCritical}) {
    if (severity_name(severity) == name) return severity;
  }
  return Severity::kOk;
}

std::set<std::string_view> names_of_deleted(const std::vector<OpenFinding>& open) {
  std::set<std::string_view> names;
  for (const OpenFinding& one : open) {
    if (one.deleted) names.insert(one.database);
  }
  return names;
}

}  // namespace

std::string_view alert_reason_name(AlertReason reason) {
  constexpr std::array<std::string_view, 5> kNames = {"appeared", "worsened", "repeated", "escalated",
                                                      "cleared"};
  return kNames.at(static_cast<std::size_t>(reason));
}

// The messages of one look, by alert and level.
class AlertBook::Messages {
 public:
  void begin(std::size_t alert) { alert_ = alert; }
  void add(std::size_t level, AlertReason reason, const Key& key, const Told& told) {
    AlertMessage& message = made_[{alert_, level}];
    message.alert = alert_;
    message.level = level;
    message.notices.push_back(
        {.reason = reason, .database = std::get<0>(key), .finding = told.finding, .since = told.since});
  }
  // To all that were told of it so far.
  void add_all(AlertReason reason, const Key& key, const Told& told) {
    for (std::size_t level = 0; level <= told.level; ++level) add(level, reason, key, told);
  }
  std::vector<AlertMessage> take() {
    std::vector<AlertMessage> all;
    for (auto& [place, message] : made_) all.push_back(std::move(message));
    return all;
  }

 private:
  std::size_t alert_ = 0;
  std::map<std::pair<std::size_t, std::size_t>, AlertMessage> made_;
};

AlertBook::AlertBook(std::vector<AlertSettings> alerts, IsQuiet quiet) : quiet_(std::move(quiet)) {
  for (AlertSettings& settings : alerts) alerts_.push_back({.settings = std::move(settings)});
}

std::vector<AlertMessage> AlertBook::look(const std::vector<OpenFinding>& open, WallTime now) {
  Messages out;
  const std::set<std::string_view> deleted = names_of_deleted(open);
  for (std::size_t at = 0; at < alerts_.size(); ++at) {
    Alert& alert = alerts_[at];
    out.begin(at);
    for (auto& [key, told] : alert.told) {
      if (!told.gone_since) told.gone_since = now;
    }
    for (const OpenFinding& one : open) see(alert, one, now);
    const bool quiet = !alert.settings.quiet_hours.empty() && quiet_(alert.settings.quiet_hours, now);
    for (auto it = alert.told.begin(); it != alert.told.end();) {
      auto& [key, told] = *it;
      told.deleted = told.gone_since && std::get<1>(key) != kDeleted && deleted.contains(std::get<0>(key));
      if (told.deleted) {
        told.gone_since.reset();
        ++it;
        continue;
      }
      if (!told.gone_since) tell_open(alert, told, key, quiet, now, out);
      const bool over = is_over(alert, told, quiet, now);
      if (over && told.last) {
        told.finding.severity = Severity::kOk;
        out.add_all(AlertReason::kCleared, key, told);
      }
      it = over ? alert.told.erase(it) : std::next(it);
    }
  }
  return out.take();
}

void AlertBook::see(Alert& alert, const OpenFinding& open, WallTime now) const {
  const AlertSettings& settings = alert.settings;
  if (open.finding.severity < settings.severity || !matches(settings.databases, open.database) ||
      !matches(settings.findings, open.finding.id))
    return;
  Told& told =
      alert.told.try_emplace({open.database, open.finding.id, open.finding.object}, Told{.since = now})
          .first->second;
  told.finding = open.finding;
  told.gone_since.reset();
}

void AlertBook::tell_open(Alert& alert, Told& told, const Key& key, bool quiet, WallTime now,
                          Messages& out) const {
  const Severity severity = told.finding.severity;
  if (severity >= told.severity)
    told.better_since.reset();
  else if (!told.better_since)
    told.better_since = now;
  if (told.better_since && now - *told.better_since >= alert.settings.settle) {
    told.severity = severity;
    told.critical_since.reset();
  }
  if (severity == Severity::kCritical && !told.critical_since) told.critical_since = now;
  if (quiet && severity < Severity::kCritical) return;
  std::optional<AlertReason> reason;
  if (!told.last)
    reason = AlertReason::kAppeared;
  else if (severity > told.severity)
    reason = AlertReason::kWorsened;
  else if (alert.settings.repeat.count() > 0 && now - *told.last >= alert.settings.repeat)
    reason = AlertReason::kRepeated;
  if (reason) {
    out.add_all(*reason, key, told);
    told.last = now;
    told.severity = std::max(told.severity, severity);
  }
  escalate(alert, told, key, now, out);
}

void AlertBook::escalate(const Alert& alert, Told& told, const Key& key, WallTime now, Messages& out) const {
  if (told.finding.severity < Severity::kCritical || !told.critical_since) return;
  while (told.level < alert.settings.escalation.size() &&
         now - *told.critical_since >= alert.settings.escalation[told.level].after)
    out.add(++told.level, AlertReason::kEscalated, key, told);
}

bool AlertBook::is_over(const Alert& alert, const Told& told, bool quiet, WallTime now) const {
  if (!told.gone_since || now - *told.gone_since < alert.settings.settle) return false;
  // What was told is told as over, too, when that may be.
  return !told.last || !quiet || told.severity >= Severity::kCritical;
}

nlohmann::ordered_json AlertBook::kept() const {
  Json list = Json::array();
  for (const Alert& alert : alerts_) {
    for (const auto& [key, told] : alert.told) {
      if (!told.last || told.deleted) continue;
      Json one = {{"alert", alert.settings.name},
                  {"database", std::get<0>(key)},
                  {"id", std::get<1>(key)},
                  {"object", std::get<2>(key)},
                  {"meaning", told.finding.meaning},
                  {"remedy", told.finding.remedy},
                  {"severity", severity_name(told.severity)},
                  {"since", told.since.time_since_epoch().count()},
                  {"last", told.last->time_since_epoch().count()},
                  {"level", told.level}};
      if (told.critical_since) one["critical_since"] = told.critical_since->time_since_epoch().count();
      list.push_back(std::move(one));
    }
  }
  return {{"schema", "litewright/alerts-told/1"}, {"told", std::move(list)}};
}

void AlertBook::restore(const nlohmann::ordered_json& kept) {
  if (!kept.is_object() || !kept.contains("told") || !kept["told"].is_array()) return;
  for (const Json& one : kept["told"]) {
    if (!one.is_object()) continue;
    const std::string name = text_in(one, "alert");
    const auto alert =
        std::ranges::find_if(alerts_, [&name](const Alert& known) { return known.settings.name == name; });
    const auto since = time_in(one, "since"), last = time_in(one, "last");
    if (alert == alerts_.end() || !since || !last) continue;
    Told told = {.since = *since,
                 .last = last,
                 .severity = severity_in(one, "severity"),
                 .critical_since = time_in(one, "critical_since")};
    told.finding = {.id = text_in(one, "id"),
                    .severity = told.severity,
                    .object = text_in(one, "object"),
                    .meaning = text_in(one, "meaning"),
                    .remedy = text_in(one, "remedy")};
    if (one.contains("level") && one["level"].is_number_unsigned())
      told.level = std::min(one["level"].get<std::size_t>(), alert->settings.escalation.size());
    alert->told[{text_in(one, "database"), told.finding.id, told.finding.object}] = std::move(told);
  }
}

void AlertBook::forget(std::string_view id) {
  for (Alert& alert : alerts_)
    std::erase_if(alert.told, [id](const auto& told) { return std::get<1>(told.first) == id; });
}

}  // namespace litewright
