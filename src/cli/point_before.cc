#include "cli/point_before.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/shell_words.h"
#include "base/time_text.h"
#include "cli/archive_place.h"
#include "cli/commands.h"
#include "operate/make_copy.h"

namespace litewright {
namespace {

// 20261128T213000.250Z: sorts by time, and no file system minds it.
std::string time_name(const Clock& clock) {
  std::string text = format_utc_time(clock.wall());
  constexpr std::size_t kMilliseconds = 4;  // with the point
  text.resize(text.find('.') + kMilliseconds);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text + "Z";
}

// The backup command itself, silent: this command's own report is what is printed.
void back_up(const Invocation& invocation, const std::string& archive, const std::string& name) {
  const Command command = backup_command();
  Output silent(stdout, stderr, {.command = command.name, .quiet = true});
  Session session{silent, invocation.session.clock, invocation.session.environment};
  Invocation backup{command, session};
  backup.values["DB"] = invocation.all("DB");
  backup.values["archive"] = {archive};
  backup.values["name"] = {name};
  command.run(backup);
}

}  // namespace

std::string make_point_before(const Invocation& invocation, const std::string& purpose) {
  const ArchivePlace place = locate_archive(invocation, DatabaseFile::kMustExist);
  const std::string name = fmt::format("before-{}-{}", purpose, time_name(invocation.session.clock));
  if (!place.store->list("segments/").empty()) {
    back_up(invocation, place.archive, name);
    return fmt::format("litewright restore {} --point {}", shell_quoted(place.display), name);
  }
  // Not checked: it is made because the database may be damaged, and must be as it is.
  MakeCopyRequest request{.database = place.database,
                          .file = place.database.string() + "." + name + ".db",
                          .check = CopyCheck::kNone};
  const CopyReport report = make_copy(request, invocation.session.clock);
  return fmt::format("litewright restore {} --from {}", shell_quoted(place.display),
                     shell_quoted(report.file.string()));
}

}  // namespace litewright
