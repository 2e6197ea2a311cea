// litewright log FOLDER: the plain copies in it.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "archive/copy_folder.h"
#include "archive/documents.h"
#include "base/error.h"
#include "base/finding.h"
#include "base/shell_words.h"
#include "base/time_text.h"
#include "cli/plain_copies.h"

namespace litewright {
namespace {

std::string verdict(const Output& output, const CopyEntry& copy) {
  if (!copy.trouble.empty()) return output.paint(Ink::kRed, "damaged: ") + copy.trouble;
  if (!copy.record) return "no record";
  if (!copy.verified()) return "not verified";
  return "verified" + (copy.whole() ? "" : fmt::format(", {} only", fmt::join(copy.record->tables, ", ")));
}

nlohmann::ordered_json copy_document(const CopyEntry& copy) {
  nlohmann::ordered_json document = {{"file", copy.path.string()},
                                     {"database", copy.name.database},
                                     {"label", copy.name.label},
                                     {"form", std::string(suffix_of(copy.name.form).substr(1))},
                                     {"time", format_utc_time(copy.time)},
                                     {"bytes", copy.bytes},
                                     {"recorded", copy.record.has_value()},
                                     {"verified", copy.verified()}};
  if (copy.record && !copy.record->tables.empty()) document["tables"] = copy.record->tables;
  if (copy.verified()) {
    document["check"] = copy.record->check;
    document["verified_at"] = format_utc_time(*copy.record->verified_at);
  }
  if (!copy.trouble.empty()) document["trouble"] = copy.trouble;
  return document;
}

}  // namespace

std::optional<std::filesystem::path> named_folder(const Invocation& invocation) {
  if (!invocation.value("DB")) return std::nullopt;
  const DatabaseLocation location = invocation.database();
  std::error_code ignored;
  const bool folder =
      location.kind == DatabaseKind::kSqlite && std::filesystem::is_directory(location.path, ignored);
  if (!folder) return std::nullopt;
  refuse_archive_folder(invocation, location.path);
  return location.path;
}

void refuse_archive_folder(const Invocation& invocation, const std::filesystem::path& folder) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(folder / kIdentityObject, ignored) || !list_copies(folder).empty())
    return;
  std::string name = std::filesystem::absolute(folder).lexically_normal().string();
  while (name.ends_with('/')) name.pop_back();
  constexpr std::string_view kBesideDatabase = "-archive";
  const bool beside = name.ends_with(kBesideDatabase);
  const std::string database = beside ? name.substr(0, name.size() - kBesideDatabase.size()) : "DB";
  throw Error(ErrorCode::kUsage, folder.string() + " is an archive, not a folder of copies",
              fmt::format("name its database: litewright {} {}{}", invocation.command.name,
                          beside ? shell_quoted(database) : database,
                          beside ? "" : " --archive " + shell_quoted(name)));
}

int run_log_copies(const Invocation& invocation, const std::filesystem::path& folder) {
  const std::vector<CopyEntry> copies = list_copies(folder);
  const Session& session = invocation.session;
  Output& output = session.output;
  const WallTime now = session.clock.wall();
  TextTable table(
      {{"copy"}, {"taken"}, {"age", TextTable::Align::kRight}, {"size", TextTable::Align::kRight}, {""}});
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  std::uint64_t bytes = 0;
  std::size_t damaged = 0;
  for (const CopyEntry& copy : copies) {
    table.add({copy.path.filename().string(), format_local_time(copy.time), format_ago(copy.time, now),
               format_size(copy.bytes), verdict(output, copy)});
    list.push_back(copy_document(copy));
    bytes += copy.bytes;
    if (!copy.trouble.empty()) damaged++;
  }
  if (!copies.empty()) output.table(table);
  output.line(fmt::format("{}: {} copies, {}", folder.string(), copies.size(), format_size(bytes)));
  output.document({{"folder", folder.string()}, {"copies", list}, {"bytes", bytes}, {"damaged", damaged}}, 1,
                  "copies");
  return exit_status(damaged == 0 ? Severity::kOk : Severity::kCritical);
}

}  // namespace litewright
