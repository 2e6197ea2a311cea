#include "check/integrity.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "base/test_effort.h"
#include "base/test_folder.h"
#include "check/damage_samples.h"

namespace litewright {
namespace {

const SystemClock kClock;

struct Verdict {
  bool sound = false;
  std::string said = {};
};

Verdict sqlite_verdict(const std::string& path) {
  try {
    // One that may only read passes over CHECK.
    Connection db(path, {.mode = OpenMode::kReadWrite});
    Statement rows = db.prepare("PRAGMA integrity_check");
    Verdict verdict;
    while (rows.step()) verdict.said += rows.text(0) + "\n";
    verdict.sound = verdict.said == "ok\n";
    return verdict;
  } catch (const Error& error) {
    return {.said = error.what()};
  }
}

IntegrityReport check_file(const std::string& path, IntegrityOptions options = {}) {
  PageSnapshot snapshot(path, kClock);
  SnapshotPages pages(snapshot);
  const SchemaMap schema = read_schema_map(snapshot.connection());
  options.database = "app.db";
  if (options.threads == 0) options.threads = 2;
  return check_integrity(pages, schema, options);
}

Verdict our_verdict(const std::string& path) {
  try {
    const IntegrityReport report = check_file(path);
    Verdict verdict{.sound = report.sound()};
    for (const Finding& finding : report.findings) verdict.said += finding_to_text(finding);
    return verdict;
  } catch (const Error& error) {
    // A schema format that this SQLite does not know is an I/O error to it.
    if (error.code() != ErrorCode::kDamaged && error.code() != ErrorCode::kIo) throw;
    return {.said = error.what()};
  }
}

std::size_t damaged_files() {
  const char* const wanted = std::getenv("LITEWRIGHT_DAMAGED");
  return wanted == nullptr ? rounds({.brief = 75, .full = 1000}) : std::strtoul(wanted, nullptr, 10);
}

std::uint64_t seed() {
  const char* const wanted = std::getenv("LITEWRIGHT_SEED");
  return wanted == nullptr ? 1 : std::strtoull(wanted, nullptr, 10);
}

class IntegrityVerdicts : public testing::Test {
 protected:
  // Holds both verdicts against each other; keeps the file of the first that differ, where asked.
  void compare(std::uint64_t number) {
    const Verdict sqlite = sqlite_verdict(path_), ours = our_verdict(path_);
    (sqlite.sound ? sound_ : damaged_)++;
    EXPECT_EQ(ours.sound, sqlite.sound) << "number " << number << "\nSQLite:\n"
                                        << sqlite.said << "\nours:\n"
                                        << ours.said;
    if (ours.sound == sqlite.sound) return;
    const char* const keep = std::getenv("LITEWRIGHT_KEEP");
    if (keep != nullptr)
      write_content(std::string(keep) + "/" + std::to_string(number) + ".db", file_content(path_));
  }

  TestFolder folder_;
  std::string path_ = folder_.path("app.db");
  std::size_t sound_ = 0, damaged_ = 0;
};

TEST_F(IntegrityVerdicts, AreThoseOfSqliteOnHealthyDatabasesOfAllKinds) {
  for (const int page_size : {512, 1024, 4096, 65536}) {
    for (const char* const encoding : {"UTF-8", "UTF-16le", "UTF-16be"}) {
      SampleRandom random(seed());
      std::filesystem::remove(path_);
      make_sample(path_, {.page_size = page_size, .auto_vacuum = page_size % 3, .encoding = encoding},
                  random);
      compare(static_cast<std::uint64_t>(page_size));
    }
  }
  EXPECT_EQ(sound_, 12U);
}

TEST_F(IntegrityVerdicts, AreThoseOfSqliteOnDamagedPages) {
  const std::size_t files = damaged_files();
  for (std::size_t i = 0; i < files;) {
    SampleRandom random(seed() * 1000003 + i);
    const SampleKind kind = sample_kind(random);
    std::filesystem::remove(path_);
    make_sample(path_, kind, random);
    const std::vector<std::byte> healthy = file_content(path_);
    for (int n = 0; n < 25 && i < files; n++, i++) {
      std::vector<std::byte> content = healthy;
      SampleRandom harm(seed() * 7919 + i);
      harm_bytes(content, static_cast<std::size_t>(kind.page_size), harm);
      write_content(path_, content);
      compare(i);
    }
  }
  std::printf("%zu damaged, %zu unharmed by the change\n", damaged_, sound_);
  EXPECT_GT(damaged_, files / 3);
}

TEST_F(IntegrityVerdicts, AreThoseOfSqliteWhereOnlyIndexesAndRulesDisagree) {
  const std::size_t files = damaged_files() / 2;
  std::vector<std::byte> healthy;
  for (std::size_t i = 0; i < files; i++) {
    SampleRandom random(seed() * 104729 + i);
    if (i % 25 == 0) {
      std::filesystem::remove(path_);
      make_sample(path_, sample_kind(random), random);
      healthy = file_content(path_);
    }
    write_content(path_, healthy);
    harm_by_sql(path_, random);
    compare(i);
  }
  std::printf("%zu disagree, %zu agree all the same\n", damaged_, sound_);
  EXPECT_GT(damaged_, files / 3);
}

class IntegrityNames : public testing::Test {
 protected:
  IntegrityNames() {
    run("CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, price REAL CHECK(price >= 0));"
        "CREATE INDEX item_name ON item(name); CREATE TABLE gone(x);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<500)"
        " INSERT INTO item SELECT i, 'name '||i, i FROM n; INSERT INTO gone VALUES(zeroblob(20000)); DROP "
        "TABLE gone");
  }
  void run(const std::string& sql) {
    Connection db(path_, {.mode = OpenMode::kCreate});
    db.execute(sql.c_str());
  }
  // The one finding of this id; an empty one where there is none, or more.
  Finding the(const std::string& id) {
    Finding found;
    int count = 0;
    for (const Finding& finding : check_file(path_).findings) {
      if (finding.id == id && count++ == 0) found = finding;
    }
    return count == 1 ? found : Finding{};
  }

  TestFolder folder_;
  std::string path_ = folder_.path("app.db");
};

TEST_F(IntegrityNames, TheRowThatAnIndexMisses) {
  run("PRAGMA writable_schema=ON; CREATE TABLE kept AS SELECT * FROM sqlite_schema WHERE name='item_name';"
      "DELETE FROM sqlite_schema WHERE name='item_name'");
  run("INSERT INTO item VALUES(777, 'late', 1)");
  run("PRAGMA writable_schema=ON; INSERT INTO sqlite_schema SELECT * FROM kept; DROP TABLE kept");
  const Finding missing = the("integrity.index_missing");
  EXPECT_EQ(missing.object, "index item_name");
  EXPECT_EQ(missing.meaning,
            "rowid 777 of table item is missing from index item_name: queries by it don't find the row");
}

TEST_F(IntegrityNames, TheRowThatBreaksACheck) {
  run("PRAGMA ignore_check_constraints=ON; UPDATE item SET price=-4 WHERE id=33");
  EXPECT_EQ(the("integrity.check").meaning, "rowid 33 of table item breaks CHECK(price >= 0)");
}

TEST_F(IntegrityNames, AWrongFreelistCount) {
  std::vector<std::byte> content = file_content(path_);
  const std::uint32_t count = load_be32(content, 36);
  ASSERT_GT(count, 0U);
  store_be32(content, 36, count + 3);
  write_content(path_, content);
  EXPECT_EQ(the("integrity.freelist").meaning, "the freelist has " + std::to_string(count) +
                                                   " pages, the header says " + std::to_string(count + 3));
}

TEST_F(IntegrityNames, ThePageOfAnIndexThatIsCorrupt) {
  std::int64_t root = 0;
  {
    Connection db(path_, {.mode = OpenMode::kReadOnly});
    root = db.query_integer("SELECT rootpage FROM sqlite_schema WHERE name='item_name'").value_or(0);
  }
  std::vector<std::byte> content = file_content(path_);
  content[static_cast<std::size_t>(root - 1) * 4096] = std::byte{99};
  write_content(path_, content);
  const Finding page = the("integrity.page");
  EXPECT_EQ(page.object, "index item_name");
  ASSERT_FALSE(page.figures.empty());
  EXPECT_EQ(std::get<std::int64_t>(page.figures[0].value), root);
}

}  // namespace
}  // namespace litewright
