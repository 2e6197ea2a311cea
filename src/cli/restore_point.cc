#include "cli/restore_point.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/time_text.h"

namespace litewright {

namespace {

// A commit's number as --tx and "--at 'tx 1234'" give it.
Txid commit_number(const std::string& text, const char* option) {
  const bool number =
      !text.empty() && text.size() < 20 && text.find_first_not_of("0123456789") == std::string::npos;
  if (!number) {
    throw Error(ErrorCode::kUsage, fmt::format("{} '{}' is not a commit's number", option, text),
                "litewright log DB");
  }
  return Txid(std::stoull(text));
}

}  // namespace

std::vector<Option> restore_point_options() {
  return {{.name = "at", .value = "TIME", .help = "the newest commit seen at or before TIME"},
          {.name = "tx", .value = "N", .help = "commit N, as litewright log numbers them"},
          {.name = "point", .value = "NAME", .help = "a point named by litewright backup --name"}};
}

RestorePoint wanted_point(const Invocation& invocation) {
  RestorePoint point;
  int given = 0;
  if (const auto at = invocation.value("at")) {
    // "tx 1234" is a TIME too (DESIGN.md).
    if (at->starts_with("tx ")) {
      point.tx = commit_number(at->substr(3), "--at tx");
    } else {
      point.at = parse_time(*at, invocation.session.clock.wall());
    }
    given++;
  }
  if (const auto tx = invocation.value("tx")) {
    point.tx = commit_number(*tx, "--tx");
    given++;
  }
  if (const auto name = invocation.value("point")) {
    point.name = *name;
    given++;
  }
  if (given > 1) throw Error(ErrorCode::kUsage, "--at, --tx and --point exclude each other");
  return point;
}

}  // namespace litewright
