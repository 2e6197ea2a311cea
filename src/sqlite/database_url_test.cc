#include "sqlite/database_url.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <map>
#include <vector>

#include "base/error.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

TEST(DatabaseUrl, NamesAFileInEveryWayThatApplicationsKnow) {
  struct Case {
    const char* text;
    const char* path;
    bool read_only = false;
  };
  const std::vector<Case> cases = {
      {"app.db", "app.db"},
      {"/data/app.db", "/data/app.db"},
      {"./a b.db", "./a b.db"},
      {"a:b.db", "a:b.db"},
      {"dir/x:y.db", "dir/x:y.db"},
      {"app.db?mode=ro", "app.db?mode=ro"},  // a path is taken as it is
      {"100%.db", "100%.db"},
      {"sqlite:///rel.db", "rel.db"},
      {"sqlite:///data/app.db", "data/app.db"},
      {"sqlite:////data/app.db", "/data/app.db"},
      {"SQLite:////data/app.db", "/data/app.db"},
      {"sqlite+aiosqlite:////data/app.db", "/data/app.db"},
      {"sqlite+pysqlite:///./rel.db", "./rel.db"},
      {"sqlite+pysqlcipher:///rel.db?timeout=5", "rel.db"},
      {"sqlite3:///rel.db", "rel.db"},
      {"sqlite:rel.db", "rel.db"},
      {"sqlite:/data/app.db", "/data/app.db"},
      {"jdbc:sqlite:/data/app.db", "/data/app.db"},
      {"sqlite:///my%20app.db", "my app.db"},
      {"sqlite:///app.db?mode=ro", "app.db", true},
      {"sqlite:///file:app.db?mode=ro&uri=true", "app.db", true},
      {"sqlite:///file:/data/app.db?uri=true", "/data/app.db"},
      {"file:app.db", "app.db"},
      {"file:app.db?mode=ro", "app.db", true},
      {"file:app.db?mode=rwc&cache=private", "app.db"},
      {"file:app.db?immutable=1&mode=rw", "app.db", true},
      {"file:app.db?mode=%72o", "app.db", true},
      {"file:/data/app.db", "/data/app.db"},
      {"file:///data/app.db#part", "/data/app.db"},
      {"file://localhost/data/app.db", "/data/app.db"},
      {"file:a%3fb%25.db?mode=rw", "a?b%.db"},
  };
  for (const Case& c : cases) {
    const DatabaseLocation location = parse_database_url(c.text);
    EXPECT_EQ(location.kind, DatabaseKind::kSqlite) << c.text;
    EXPECT_EQ(location.path, c.path) << c.text;
    EXPECT_EQ(location.read_only, c.read_only) << c.text;
    EXPECT_EQ(location.display, c.path) << c.text;
  }
}

TEST(DatabaseUrl, RefusesWhatIsNoFile) {
  struct Case {
    std::string text;
    const char* message;
  };
  const std::vector<Case> cases = {
      {"", "the database's name is empty"},
      {":memory:", ":memory: lives in its process's memory and can't be operated on"},
      {"sqlite://", "sqlite:// lives in its process's memory and can't be operated on"},
      {"sqlite:///", "sqlite:/// lives in its process's memory and can't be operated on"},
      {"sqlite:///:memory:", "sqlite:///:memory: lives in its process's memory and can't be operated on"},
      {"sqlite://:memory:", "sqlite://:memory: lives in its process's memory and can't be operated on"},
      {"file::memory:", "file::memory: lives in its process's memory and can't be operated on"},
      {"file:x?mode=memory&cache=shared",
       "file:x?mode=memory&cache=shared lives in its process's memory and can't be operated on"},
      {"sqlite://app.db", "'sqlite://app.db' has two slashes"},
      {"file://server/app.db", "'file://server/app.db' names another host"},
      {"sqlite:///a%2.db", "bad percent-encoding in 'a%2.db'"},
      {"sqlite:///a%00.db", "bad percent-encoding in 'a%00.db'"},
      {"file:a%", "bad percent-encoding in 'a%'"},
      {"mysql://root:secret@host/db", "'mysql://root@host/db' is no database that is understood"},
      {"postgresql:db", "not an address: 'postgresql:db'"},
      {std::string("a\0b", 3), "a database's name of 3 bytes can't be one"},
  };
  for (const Case& c : cases) {
    try {
      parse_database_url(c.text);
      ADD_FAILURE() << "accepted " << c.text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage) << c.text;
      EXPECT_STREQ(error.what(), c.message);
      EXPECT_FALSE(error.hint().empty()) << c.text;
    }
  }
}

TEST(DatabaseUrl, KnowsPostgresAndNeverShowsItsPassword) {
  struct Case {
    const char* text;
    const char* display;
    const char* address;
  };
  const std::vector<Case> cases = {
      {"postgresql://app:s3cret@db.local:5432/shop", "postgresql://app@db.local:5432/shop",
       "postgresql://app:s3cret@db.local:5432/shop"},
      {"postgres://app@host/shop", "postgresql://app@host/shop", "postgresql://app@host/shop"},
      {"postgresql+asyncpg://app:s3@cr/e?t@host/shop", "postgresql://app@host/shop",
       "postgresql://app:s3@cr/e?t@host/shop"},
      {"postgresql://host/shop?user=app&Password=s3cret&x=1",
       "postgresql://host/shop?user=app&Password=***&x=1",
       "postgresql://host/shop?user=app&Password=s3cret&x=1"},
      {"postgresql://host:5432/shop", "postgresql://host:5432/shop", "postgresql://host:5432/shop"},
  };
  for (const Case& c : cases) {
    const DatabaseLocation location = parse_database_url(c.text);
    EXPECT_EQ(location.kind, DatabaseKind::kPostgres);
    EXPECT_EQ(location.display, c.display);
    EXPECT_EQ(location.secret_address, c.address);
  }
  EXPECT_EQ(without_password("host=x password=s3cret"), "host=x password=***");
}

class LocateDatabase : public testing::Test {
 protected:
  LocateDatabase() {
    std::string pattern = (fs::temp_directory_path() / "locate-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~LocateDatabase() override { fs::remove_all(folder_); }

  static Environment environment(std::map<std::string, std::string> values) {
    return [values](const std::string& name) -> std::optional<std::string> {
      const auto found = values.find(name);
      if (found == values.end()) return std::nullopt;
      return found->second;
    };
  }

  static Error refusal(const DatabaseLocation& location) {
    try {
      require_database_file(location);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return Error(ErrorCode::kInternal, "");
  }

  fs::path folder_;
};

TEST_F(LocateDatabase, TheArgumentWinsThenTheUrlThenThePath) {
  const Environment both = environment({{"DATABASE_URL", "sqlite:///url.db"}, {"DATABASE_PATH", "path.db"}});
  EXPECT_EQ(locate_database("named.db", both).path, "named.db");
  EXPECT_EQ(locate_database(std::nullopt, both).path, "url.db");
  EXPECT_EQ(
      locate_database(std::nullopt, environment({{"DATABASE_URL", ""}, {"DATABASE_PATH", "path.db"}})).path,
      "path.db");
  EXPECT_THROW(locate_database(std::nullopt, environment({})), Error);
  EXPECT_THROW(locate_database("", both), Error) << "an empty argument is a mistake, not an absence";
}

TEST_F(LocateDatabase, OfTwoReadingsOfAPercentSignTheOneThatExistsCounts) {
  const std::string url = "sqlite:///" + (folder_ / "a%20b.db").string();
  EXPECT_EQ(locate_database(url, environment({})).path, folder_ / "a b.db");
  std::ofstream(folder_ / "a%20b.db") << "x";
  EXPECT_EQ(locate_database(url, environment({})).path, folder_ / "a%20b.db");
  std::ofstream(folder_ / "a b.db") << "x";
  EXPECT_EQ(locate_database(url, environment({})).path, folder_ / "a b.db");
}

TEST_F(LocateDatabase, AMissingSlashIsToldWhereTheAbsoluteFileExists) {
  std::ofstream(folder_ / "app.db") << "x";
  const std::string relative = "sqlite:///" + (folder_ / "app.db").string().substr(1);
  const Error error = refusal(parse_database_url(relative));
  EXPECT_EQ(error.code(), ErrorCode::kNoDatabase);
  EXPECT_EQ(error.hint(), (folder_ / "app.db").string() +
                              " exists; absolute, it is written with four slashes: sqlite:///" +
                              (folder_ / "app.db").string());
  EXPECT_NO_THROW(require_database_file(parse_database_url((folder_ / "app.db").string())));
}

TEST_F(LocateDatabase, AMissingFileAFolderAndAPipeAreNamed) {
  EXPECT_EQ(refusal(parse_database_url("none.db")).hint(),
            "it was looked for in " + fs::current_path().string());
  const Error folder = refusal(parse_database_url(folder_.string()));
  EXPECT_EQ(folder.code(), ErrorCode::kNoDatabase);
  EXPECT_EQ(folder.what(), folder_.string() + " is a folder");
  const std::string pipe = folder_ / "pipe.db";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(refusal(parse_database_url(pipe)).what(), pipe + " is no file but a pipe");
}

}  // namespace
}  // namespace litewright
