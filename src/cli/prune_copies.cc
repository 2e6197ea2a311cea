// litewright prune FOLDER: plain copies that the keep rules let go.
#include "operate/prune_copies.h"
#include "base/shell_words.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/time_text.h"
#include "cli/keep_options.h"
#include "cli/plain_copies.h"

namespace litewright {
namespace {

std::string fate(const CopyChoice& choice) {
  if (choice.goes()) return "goes";
  if (choice.reason == KeepReason::kPinned) return "stays: the newest that was verified";
  if (choice.reason == KeepReason::kAll) return "stays";
  if (choice.reason) return "stays: " + std::string(keep_reason_name(*choice.reason));
  if (!choice.copy.trouble.empty()) return "not touched: " + choice.copy.trouble;
  return choice.copy.record ? "not touched: another label" : "not touched: no record";
}

nlohmann::ordered_json choice_document(const CopyChoice& choice) {
  const CopyEntry& copy = choice.copy;
  nlohmann::ordered_json document = {
      {"file", copy.path.string()},  {"time", format_utc_time(copy.time)},  {"bytes", copy.bytes},
      {"verified", copy.verified()}, {"judged", choice.reason.has_value()}, {"goes", choice.goes()}};
  if (choice.reason && !choice.goes()) document["kept_by"] = std::string(keep_reason_name(*choice.reason));
  if (!copy.trouble.empty()) document["trouble"] = copy.trouble;
  return document;
}

KeepRules require_rules(const Invocation& invocation, const std::filesystem::path& folder) {
  KeepRules rules = keep_rules_given(invocation);
  if (!rules.empty()) return rules;
  throw Error(ErrorCode::kUsage, fmt::format("{}: say which copies stay", folder.string()),
              fmt::format("litewright prune {} --keep-last 10 --dry-run", shell_quoted(folder.string())));
}

}  // namespace

std::vector<Option> prune_copy_options() {
  return {{.name = "label", .value = "LABEL", .help = "of a folder of copies: judge only those labelled so"}};
}

int run_prune_copies(const Invocation& invocation, const std::filesystem::path& folder) {
  const Session& session = invocation.session;
  Output& output = session.output;
  const KeepRules rules = require_rules(invocation, folder);
  const bool dry_run = invocation.flag("dry-run");
  const WallTime now = session.clock.wall();
  const PruneCopiesPlan plan = plan_prune_copies(folder, rules, invocation.value("label"), now);
  TextTable table({{"copy"}, {"taken"}, {"size", TextTable::Align::kRight}, {""}});
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  std::size_t kept = 0;
  for (const CopyChoice& choice : plan.choices) {
    table.add({choice.copy.path.filename().string(), format_local_time(choice.copy.time),
               format_size(choice.copy.bytes), fate(choice)});
    list.push_back(choice_document(choice));
    if (choice.reason && !choice.goes()) ++kept;
  }
  if (!table.empty()) output.table(table);
  output.line("kept: " + describe(rules));
  std::size_t removed = 0;
  std::uint64_t freed = 0;
  if (!dry_run) {
    removed = prune_copies(folder, plan, [&freed](const CopyEntry& copy) { freed += copy.bytes; });
  }
  output.line(
      dry_run ? fmt::format("{}: {} copies would go, {}", folder.string(), plan.going(),
                            format_size(plan.bytes_freed()))
              : fmt::format("{}: {} copies removed, {} freed", folder.string(), removed, format_size(freed)));
  output.document({{"folder", folder.string()},
                   {"dry_run", dry_run},
                   {"rules", describe(rules)},
                   {"copies", list},
                   {"going", plan.going()},
                   {"kept", kept},
                   {"not_judged", plan.choices.size() - kept - plan.going()},
                   {"removed", removed},
                   {"bytes_freed", dry_run ? plan.bytes_freed() : freed}},
                  1, "copies");
  return 0;
}

}  // namespace litewright
