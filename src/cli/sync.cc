// litewright sync: returns when everything that is committed now is in the archive.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "archive/owner.h"
#include "base/error.h"
#include "base/shell_words.h"
#include "base/time_text.h"
#include "cli/archive_place.h"
#include "cli/commands.h"

namespace litewright {
namespace {

int run_sync(const Invocation& invocation) {
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMustExist);
  const auto timeout = std::chrono::duration_cast<std::chrono::milliseconds>(
      parse_duration(invocation.value("timeout").value_or("60s")));
  auto owner = connect_owner(place);
  if (!owner) {
    throw Error(
        ErrorCode::kStoreUnreachable, fmt::format("nobody archives {}", place.display),
        fmt::format("litewright protect {0}, or once: litewright backup {0}", shell_quoted(place.display)));
  }
  const auto answer = ask_stoppably(*owner, {{"op", "sync"}, {"timeout_ms", timeout.count()}},
                                    timeout + std::chrono::seconds(2));
  const auto txid = answer.at("txid").get<std::uint64_t>();
  invocation.session.output.line(fmt::format("archived up to commit {}", txid));
  invocation.session.output.document({{"txid", txid}});
  return 0;
}

}  // namespace

Command sync_command() {
  return with_database(
      {.name = "sync",
       .summary = "return when all that is committed now is archived",
       .description =
           "Asks the running archiver (litewright protect). When it returns 0, every commit that the "
           "application was told of before is durable in the archive.",
       .options = {{.name = "timeout", .value = "TIME", .help = "how long to wait (default 60s)"}},
       .examples = {{"litewright sync app.db", "before a risky deployment"}},
       .exit_statuses = {{69, "nobody archives it, or not within the time"}},
       .run = run_sync});
}

}  // namespace litewright
