// `litewright maintain DB copies FOLDER --to FOLDER`: old plain copies go to cheaper storage.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/time_text.h"
#include "cli/maintain_actions.h"
#include "operate/cold_copies.h"

namespace litewright {

int run_maintain_copies(const Invocation& invocation) {
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMayBeMissing);
  const auto from = invocation.value("NAME");
  const auto to = invocation.value("to");
  if (!from || !to) {
    throw Error(ErrorCode::kUsage, "copies needs a folder of plain copies and --to FOLDER",
                "litewright maintain DB copies /backup --to /mnt/cold --older-than 30d");
  }
  Output& output = invocation.session.output;
  const WallTime cutoff =
      invocation.session.clock.wall() - parse_duration(invocation.value("older-than").value_or("30d"));
  const bool dry_run = invocation.flag("dry-run");
  const ColdCopiesOutcome outcome = move_cold_copies(
      {.from = *from, .to = *to, .cutoff = cutoff, .dry_run = dry_run, .moved = [&](const CopyEntry& copy) {
         output.line(fmt::format("{} {}", dry_run ? "would move" : "moves", copy.path.string()));
       }});
  output.line(fmt::format("{} copies, {}{}", outcome.moved, format_size(outcome.bytes),
                          outcome.left > 0
                              ? fmt::format("; {} old files have no record of ours: left", outcome.left)
                              : std::string()));
  nlohmann::ordered_json document = maintain_document(place, "copies");
  document["from"] = *from;
  document["to"] = *to;
  document["cutoff"] = format_utc_time(cutoff);
  document["dry_run"] = dry_run;
  document["moved"] = outcome.moved;
  document["bytes"] = outcome.bytes;
  document["left"] = outcome.left;
  output.document(document);
  return 0;
}

}  // namespace litewright
