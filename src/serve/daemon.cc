#include "serve/daemon.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/json_text.h"

namespace litewright {
namespace {

constexpr const char* kRefused = "config.refused";
constexpr const char* kNotFollowed = "config.not-followed";

Severity severity_of(const nlohmann::ordered_json& finding) {
  const auto read = finding_from_json(finding);
  return read ? read->severity : Severity::kInfo;
}

}  // namespace

Daemon::Daemon(const std::shared_ptr<const Configuration>& configuration,
               const DaemonSurroundings& surroundings)
    : around_(surroundings),
      file_(configuration->file.string()),
      commons_(around_.state_folder),
      looks_(around_.board, around_.clock, around_.state_folder),
      jobs_(around_.state_folder, {around_.board, around_.clock, around_.run, around_.log}),
      fleet_(
          around_.state_folder,
          {around_.board, around_.gates, files_, commons_, around_.clock, around_.log, around_.reported_pid},
          {.joined =
               [this](const Member& member) {
                 looks_.join(member);
                 jobs_.join(member);
               },
           .left =
               [this](const Member& member) {
                 looks_.leave(member.name);
                 jobs_.leave(member);
               }}) {
  looks_.begin();
  jobs_.begin();
  scan_.use(configuration);
}

Daemon::~Daemon() = default;

void Daemon::tick() {
  if (!stopping_) take_members();
  fleet_.publish();
  log_changes();
}

void Daemon::take_members() {
  const auto found = scan_.take();
  if (!found) {
    fleet_.sweep();
    return;
  }
  const bool other = found->configuration != in_force_;
  if (!found->failure.empty()) {
    const bool refused = other && in_force_;
    if (refused) {
      refuse(found->failure);
      scan_.use(in_force_);
    }
    around_.board.tell_of_daemon({.id = kNotFollowed,
                                  .severity = refused ? Severity::kOk : Severity::kCritical,
                                  .object = file_,
                                  .meaning = "databases no longer join or leave: " + found->failure,
                                  .remedy = "litewright serve --check-config"});
    return;
  }
  around_.board.tell_of_daemon({.id = kNotFollowed, .object = file_});
  tell_places(found->troubles);
  fleet_.reconcile(found->members);
  if (!other) return;
  in_force_ = found->configuration;
  looks_.look_every(in_force_->serve.look_every);
  around_.configured(in_force_);
  around_.board.tell_of_daemon({.id = kRefused});
  around_.board.mark_started();
  around_.log({.event = "configured",
               .severity = Severity::kOk,
               .text = fmt::format("{}: means {} database{} now", in_force_->file.string(),
                                   found->members.size(), found->members.size() == 1 ? "" : "s"),
               .fields = {{"file", in_force_->file.string()}, {"databases", found->members.size()}}});
  if (!around_.refused.empty()) refuse(std::exchange(around_.refused, ""));
}

// Of the places of the configuration: what was told before and is not found any more is over.
void Daemon::tell_places(const std::vector<Finding>& troubles) {
  for (const Finding& before : std::exchange(place_troubles_, troubles)) {
    const bool stays = std::ranges::any_of(troubles, [&before](const Finding& one) {
      return one.id == before.id && one.object == before.object;
    });
    if (!stays) around_.board.tell_of_daemon({.id = before.id, .object = before.object});
  }
  for (const Finding& trouble : troubles) around_.board.tell_of_daemon(trouble);
}

void Daemon::refuse(const std::string& why) {
  around_.log({.event = "reload.refused",
               .severity = Severity::kCritical,
               .text = fmt::format("the old configuration stays in force: {}", why),
               .fields = {{"message", why}}});
  around_.board.tell_of_daemon({.id = kRefused,
                                .severity = Severity::kCritical,
                                .object = file_,
                                .meaning = fmt::format("the old configuration stays in force: {}", why),
                                .remedy = "litewright serve --check-config"});
}

void Daemon::reload() {
  try {
    const auto next = std::make_shared<const Configuration>(around_.load());
    if (in_force_ &&
        (next->serve.state_folder != in_force_->serve.state_folder ||
         next->serve.json_log != in_force_->serve.json_log || next->http.listen != in_force_->http.listen)) {
      around_.log({.event = "reload.restart",
                   .severity = Severity::kWarning,
                   .text = "another state_folder, log_format or http.listen takes a restart of the daemon"});
    }
    scan_.use(next);
  } catch (const Error& error) {
    refuse(error.what());
  }
}

// What databases and the daemon are found to have, as it appears and ends.
void Daemon::log_changes() {
  const StatusBoard::Changes news = around_.board.after(logged_, std::chrono::milliseconds(0));
  for (const StatusChange& change : news.changes) {
    logged_ = change.number;
    if (change.kind != "finding") continue;
    const auto document = parse_ordered_json(change.document);
    const auto& finding = document.at("finding");
    const Severity severity = severity_of(finding);
    const std::string what = document.at("change").get<std::string>();
    if (severity == Severity::kInfo) continue;
    const std::string object = finding.at("object").get<std::string>();
    around_.log(
        {.event = "finding",
         .severity = severity,
         .database = change.database,
         .text = fmt::format("{} {}{}{}: {}", finding.at("id").get<std::string>(), what,
                             object.empty() ? "" : " ", object, finding.at("meaning").get<std::string>()),
         .fields = {{"change", what}, {"finding", finding}}});
  }
}

void Daemon::stop() {
  stopping_ = true;
  jobs_.stop();
  fleet_.stop();
}

void Daemon::hurry() { fleet_.hurry(); }

bool Daemon::has_left() { return fleet_.has_left() && !jobs_.has_runs(); }

std::string Daemon::summary() const {
  std::size_t all = 0, following = 0, findings = 0;
  for (const auto& entry : around_.board.databases()) {
    all++;
    following += entry->guard == GuardState::kFollowing ? 1 : 0;
    for (const Finding& finding : entry->open_findings()) findings += finding.severity >= Severity::kWarning;
  }
  for (const Finding& finding : around_.board.daemon_findings())
    findings += finding.severity >= Severity::kWarning;
  return fmt::format("databases guarded: {} of {}; findings: {}", following, all, findings);
}

}  // namespace litewright
