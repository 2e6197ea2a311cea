#include "cli/serve_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <vector>

#include "archive/state_folder.h"
#include "base/error.h"
#include "serve/alerts.h"
#include "serve/members.h"
#include "serve/web_service.h"

namespace litewright {
namespace {

void require_databases(const Configuration& configuration) {
  if (!configuration.databases.empty()) return;
  throw Error(ErrorCode::kConfig, fmt::format("{}: no [[database]] is named", configuration.file.string()),
              "[[database]]\npath = \"/data/app.db\"");
}

void require_state(const Configuration& configuration) {
  const std::string& folder = configuration.serve.state_folder;
  if (folder.empty()) return;
  try {
    require_state_folder(folder);
  } catch (const Error& error) {
    throw Error(ErrorCode::kConfig,
                fmt::format("{}: state_folder: {}", configuration.file.string(), error.what()), error.hint());
  }
}

// Without asking whom it means: a folder may hang.
void require_all(const Configuration& configuration) {
  require_databases(configuration);
  require_state(configuration);
  access_rules(configuration.http);
  for (const AlertSettings& alert : configuration.alerts) require_alert(alert);
}

// In place of what the file has now; the start's where that is not what it was any more.
std::shared_ptr<const Configuration> last_of(const ServePlan& start, const SharedText& last_in_force) {
  const auto text = last_in_force.read();
  if (!text) return start.configuration;
  try {
    const auto last = std::make_shared<const Configuration>(parse_configuration(*text, start.file));
    find_members(last);
    return last;
  } catch (const Error&) {
    return start.configuration;  // a time zone that went, a link that leads elsewhere
  }
}

// Two files of different folders that have one name, in globs with one archive: the second one's guard will
// be refused it.
std::vector<Finding> shared_archives(std::span<const Member> members) {
  std::map<std::string_view, const Member*> first;
  std::vector<Finding> findings;
  for (const Member& member : members) {
    const auto [other, own] = first.emplace(member.archive, &member);
    if (own) continue;
    findings.push_back(
        {.id = "config.one-archive",
         .severity = Severity::kWarning,
         .database = member.path,
         .object = member.archive,
         .meaning = fmt::format("it is the archive of {}, too, and of one of them alone can it be",
                                other->second->path),
         .remedy = "litewright serve --check-config"});
  }
  return findings;
}

}  // namespace

Configuration load_configuration(const std::string& file) {
  Configuration configuration = find_configuration(file);
  require_all(configuration);
  return configuration;
}

ServePlan read_plan(const Invocation& invocation) {
  ServePlan plan;
  plan.configuration = std::make_shared<const Configuration>(find_configuration(invocation.value("config")));
  // The daemon reads it again and hands its name on, wherever it then is.
  if (plan.configuration->file.empty()) {
    throw Error(ErrorCode::kConfig, "there is no litewright.toml: which databases are to be guarded?",
                "litewright init app.db > litewright.toml");
  }
  require_all(*plan.configuration);
  const auto state = invocation.session.environment("LITEWRIGHT_STATE");
  if (plan.configuration->serve.state_folder.empty() && state && !state->empty())
    require_state_folder(*state);
  plan.file = plan.configuration->file.string();
  const auto format = invocation.value("log-format");
  plan.json_log = format ? *format == "json" : plan.configuration->serve.json_log;
  plan.json_log = plan.json_log || invocation.session.output.json();
  return plan;
}

ServePlan plan_of_successor(const ServePlan& start, const SharedText& last_in_force) {
  ServePlan plan = start;
  try {
    plan.configuration = std::make_shared<const Configuration>(load_configuration(start.file));
    find_members(plan.configuration);
  } catch (const Error& error) {
    plan.refused = error.what();
    plan.configuration = last_of(start, last_in_force);
  }
  return plan;
}

int check_configuration(const Invocation& invocation, const ServePlan& plan) {
  Output& output = invocation.session.output;
  nlohmann::ordered_json databases = nlohmann::ordered_json::array();
  TextTable table({{"NAME"}, {"DATABASE"}, {"ARCHIVE"}, {"JOBS"}});
  MembersFound found = look_for_members(plan.configuration, {});
  for (const Member& member : found.members) {
    std::string jobs;
    for (const Job& job : jobs_of(plan.configuration->jobs, *member.settings))
      jobs += fmt::format("{}{} \"{}\"", jobs.empty() ? "" : ", ", job.name, job.schedule.text());
    table.add({member.name, member.path, member.archive, jobs});
    databases.push_back(
        {{"name", member.name}, {"path", member.path}, {"archive", member.archive}, {"jobs", jobs}});
  }
  std::ranges::move(shared_archives(found.members), std::back_inserter(found.troubles));
  if (!table.empty()) output.table(table);
  if (!found.troubles.empty()) output.findings(found.troubles);
  output.answer(fmt::format("{}: fine; databases now: {}", plan.file, databases.size()));
  output.document(
      {{"file", plan.file}, {"databases", databases}, {"findings", findings_to_json(found.troubles)}}, 1,
      "configuration");
  return 0;
}

}  // namespace litewright
