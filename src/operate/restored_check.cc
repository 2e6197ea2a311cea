#include "operate/restored_check.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "sqlite/connection.h"

namespace litewright {

namespace {

constexpr char kMagic[] = "SQLite format 3";  // with its zero byte, 16 bytes

// What SQLite says where it lacks something, and the file may be as sound as can be.
bool lacks_something(std::string_view message) {
  constexpr std::string_view kWords[] = {"unknown function", "no such function", "no such collation sequence",
                                         "no such module", "malformed database schema"};
  return std::ranges::any_of(kWords,
                             [&](std::string_view word) { return message.find(word) != message.npos; });
}

std::string quick_check(Connection& connection) { return connection.query_text("PRAGMA quick_check(1)"); }

// Empty: it said ok. Else why it can't be run.
std::string run_quick_check(Connection& connection, const std::filesystem::path& file) {
  std::string lacking;
  std::string verdict;
  try {
    verdict = quick_check(connection);
  } catch (const Error& error) {
    lacking = error.what();
    if (!lacks_something(lacking)) throw;
  }
  if (lacking.empty() && verdict != "ok") {
    throw Error(ErrorCode::kDamaged, fmt::format("the restored database fails quick_check: {}", verdict),
                "restore an earlier point: litewright log DB");
  }
  if (lacking.empty()) return lacking;
  // All but the order that the application's collation gives can be looked at in a connection that takes any:
  // of its own, for a schema that was found wanting stays so.
  try {
    Connection tolerant(file.string(), ConnectionOptions{.mode = OpenMode::kImmutable});
    tolerant.accept_unknown_collations();
    if (quick_check(tolerant) == "ok") return {};
  } catch (const Error& error) {
    if (!lacks_something(error.what())) throw;
  }
  return lacking;
}

Error wrong_probe(const std::string& why, const std::string& sql) {
  return {ErrorCode::kUsage, fmt::format("the probe can't be run, {}: {}", why, sql),
          "a probe is one query that reads: --probe 'SELECT count(*) FROM orders'   (what tables there are: "
          "litewright tables DB)"};
}

// SQLite's plain "this SQL is wrong": no hint is known to it.
bool is_wrong_sql(const Error& error) { return error.code() == ErrorCode::kIo && error.hint().empty(); }

std::string run_probe(Connection& connection, const std::string& sql) {
  try {
    Statement probe = connection.prepare(sql);
    if (probe.column_count() == 0) throw wrong_probe("a probe only reads", sql);
    if (probe.has_more_sql()) throw wrong_probe("it is more than one statement", sql);
    if (probe.step()) return probe.text(0);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kPermission) throw wrong_probe("a probe only reads", sql);
    if (!is_wrong_sql(error)) throw;
    const std::string reason = error.what();
    throw wrong_probe(reason.starts_with(sql + ": ") ? reason.substr(sql.size() + 2) : reason, sql);
  }
  throw Error(ErrorCode::kDamaged, fmt::format("the probe gave no row: {}", sql));
}

}  // namespace

RestoredVerdict check_restored(const std::filesystem::path& file, const RestoredCheck& wanted) {
  RestoredVerdict verdict;
  if (!wanted.quick_check && !wanted.probe) return verdict;
  Connection connection(file.string(), ConnectionOptions{.mode = OpenMode::kImmutable});
  if (wanted.quick_check) {
    verdict.not_checked = run_quick_check(connection, file);
    verdict.quick_check = verdict.not_checked.empty();
  }
  if (!wanted.probe) return verdict;
  verdict.probe = run_probe(connection, *wanted.probe);
  return verdict;
}

bool is_plain_sqlite(const std::filesystem::path& file) {
  const FileDescriptor opened = open_file(file, O_RDONLY);
  std::byte begin[sizeof kMagic];
  return pread_fully(opened.get(), begin, 0, file.string()) == sizeof kMagic &&
         std::memcmp(begin, kMagic, sizeof kMagic) == 0;
}

}  // namespace litewright
