// For tests: databases of many kinds as SQLite writes them, and harm done to their bytes or their schema. All
// by seed.
#pragma once

#include <cstdint>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "sqlite/connection.h"
#include "sqlite/sql_names.h"

namespace litewright {

using SampleRandom = std::mt19937_64;

inline std::size_t below(SampleRandom& random, std::size_t limit) { return random() % limit; }

inline std::vector<std::byte> file_content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const Bytes bytes = bytes_of(all);
  return {bytes.begin(), bytes.end()};
}

inline void write_content(const std::string& path, Bytes content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text_of(content);
}

struct SampleKind {
  int page_size = 4096;
  int auto_vacuum = 0;
  const char* encoding = "UTF-8";
};

inline SampleKind sample_kind(SampleRandom& random) {
  constexpr int kSizes[] = {512, 512, 1024, 1024, 2048, 4096, 4096, 8192, 65536};
  constexpr const char* kEncodings[] = {"UTF-8", "UTF-8", "UTF-16le", "UTF-16be"};
  return {.page_size = kSizes[below(random, std::size(kSizes))],
          .auto_vacuum = static_cast<int>(below(random, 3)),
          .encoding = kEncodings[below(random, std::size(kEncodings))]};
}

// Every kind of table and index, rows that overflow, deleted rows, old rows without a later column.
inline void make_sample(const std::string& path, const SampleKind& kind, SampleRandom& random) {
  Connection db(path, {.mode = OpenMode::kCreate});
  const auto run = [&](const std::string& sql) { db.execute(sql.c_str()); };
  const std::string rows = std::to_string(60 + below(random, 100));
  run("PRAGMA page_size=" + std::to_string(kind.page_size));
  run("PRAGMA encoding='" + std::string(kind.encoding) + "'");
  run("PRAGMA auto_vacuum=" + std::to_string(kind.auto_vacuum));
  run("CREATE TABLE plain(id INTEGER PRIMARY KEY AUTOINCREMENT, a INTEGER, b TEXT, c REAL, d BLOB NOT NULL "
      "DEFAULT x'00');"
      "CREATE INDEX plain_a ON plain(a); CREATE INDEX plain_bc ON plain(b COLLATE NOCASE, c DESC);"
      "CREATE INDEX plain_part ON plain(a, b) WHERE a > 20 AND b IS NOT NULL;"
      "CREATE INDEX plain_expr ON plain(lower(b), a+1); CREATE UNIQUE INDEX plain_u ON plain(a, id);"
      "CREATE INDEX plain_trim ON plain(b COLLATE RTRIM DESC);"
      "CREATE TABLE keyed(k TEXT, n INTEGER NOT NULL, v NUMERIC, w REAL, PRIMARY KEY(k, n DESC)) WITHOUT "
      "ROWID;"
      "CREATE INDEX keyed_v ON keyed(v DESC); CREATE UNIQUE INDEX keyed_w ON keyed(w, n);"
      "CREATE TABLE strict(id INTEGER PRIMARY KEY, i INT NOT NULL, t TEXT UNIQUE, r REAL, x ANY, b BLOB) "
      "STRICT;"
      "CREATE INDEX strict_x ON strict(x, r);"
      "CREATE TABLE ruled(a INTEGER NOT NULL CHECK(a < 1000), b TEXT CHECK(length(b) < 5000),"
      " g INTEGER GENERATED ALWAYS AS (a*2) VIRTUAL, s TEXT AS (b || 'x') STORED, UNIQUE(a, b));"
      "CREATE INDEX ruled_g ON ruled(g); CREATE INDEX ruled_s ON ruled(s);"
      "CREATE TABLE empty(x PRIMARY KEY, y);"
      "CREATE TABLE junk(x);");
  const std::string count =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<" + rows + ") ";
  const std::string salt = std::to_string(1 + below(random, 1000000));
  const std::string text =
      "CASE WHEN i%9=0 THEN NULL WHEN i%17=0 THEN printf('%.*c', 40*i, 'z') ELSE 'Text '||((i*" + salt +
      ")%97)||'  ' END";
  run("BEGIN");
  run(count + "INSERT INTO plain(a,b,c,d) SELECT (i*" + salt + ")%50, " + text +
      ", CASE i%3 WHEN 0 THEN i ELSE i/7.0 END, CASE WHEN i%13=0 THEN randomblob(900) ELSE x'0102' END FROM "
      "n");
  run("ALTER TABLE plain ADD COLUMN e INTEGER NOT NULL DEFAULT 7");
  run("CREATE INDEX plain_e ON plain(e, c)");
  run(count + "INSERT INTO plain(a,b,c,e) SELECT -i, 'ß'||i, 5e18+i, i FROM n WHERE i%4=0");
  run(count + "INSERT INTO keyed SELECT 'k'||((i*" + salt +
      ")%1009), i, CASE i%4 WHEN 0 THEN 'word'||i WHEN 1 THEN i ELSE i/3.0 END, i FROM n");
  run(count +
      "INSERT INTO strict SELECT i*1000, i, 't'||i, i/2.0, CASE i%3 WHEN 0 THEN 'x' WHEN 1 THEN i ELSE x'ff' "
      "END, x'aa' FROM n");
  run(count + "INSERT INTO ruled(a,b) SELECT i, 'b'||i FROM n");
  run(count + "INSERT INTO junk SELECT zeroblob(700) FROM n");
  run("DELETE FROM junk WHERE rowid%3!=0; DELETE FROM plain WHERE id%11=0; DELETE FROM keyed WHERE n%7=0;"
      "UPDATE plain SET b='x' WHERE id%10=0");
  run("COMMIT");
}

// A number of the file's header, a page's header, a cell pointer, a cell, or any byte at all is changed; or a
// whole page.
inline void harm_bytes(std::vector<std::byte>& content, std::size_t page_size, SampleRandom& random) {
  const std::size_t pages = content.size() / page_size;
  const std::size_t page = below(random, pages) * page_size;
  const std::size_t head = page == 0 ? 100 : 0;
  std::size_t at = page;
  switch (below(random, 8)) {
    case 0:
      at = 16 + below(random, 84);
      break;
    case 1:
      at = page + head + below(random, 12);
      break;
    case 2:
      at = page + head + 8 + below(random, 40);
      break;
    case 3:
    case 4: {
      const std::size_t cells = load_be16(content, page + head + 3);
      const bool leaf = (load_u8(content, page + head) & 8) != 0;
      const std::size_t pointer = page + head + (leaf ? 8 : 12) + 2 * below(random, cells == 0 ? 1 : cells);
      const std::size_t cell = pointer + 2 <= page + page_size ? load_be16(content, pointer) : 0;
      at = page + (cell + below(random, 14)) % page_size;
      break;
    }
    case 5:
      at = page + below(random, 5 * 30) % page_size;
      break;
    case 6: {
      const std::size_t other = below(random, pages) * page_size;
      if (below(random, 3) == 0) {
        std::fill_n(content.begin() + static_cast<std::ptrdiff_t>(page + head), page_size - head,
                    std::byte{0});
      } else if (other != 0 && page != 0) {
        std::swap_ranges(content.begin() + static_cast<std::ptrdiff_t>(page),
                         content.begin() + static_cast<std::ptrdiff_t>(page + page_size),
                         content.begin() + static_cast<std::ptrdiff_t>(other));
      }
      return;
    }
    default:
      at = page + below(random, page_size);
      break;
  }
  std::byte& byte = content[at];
  switch (below(random, 4)) {
    case 0:
      byte ^= static_cast<std::byte>(1U << below(random, 8));
      break;
    case 1:
      byte = static_cast<std::byte>(below(random, 256));
      break;
    case 2:
      byte = static_cast<std::byte>(std::to_integer<unsigned>(byte) + 1);
      break;
    default:
      byte = static_cast<std::byte>(std::to_integer<unsigned>(byte) - 1);
      break;
  }
}

// The pages stay well formed; what the schema says of them, or rows behind an index's back, does not. False
// where this harm was refused.
inline bool harm_by_sql(const std::string& path, SampleRandom& random) {
  static constexpr const char* kIndexes[] = {"plain_a",  "plain_bc",   "plain_part", "plain_expr",
                                             "plain_u",  "plain_trim", "keyed_v",    "keyed_w",
                                             "strict_x", "ruled_g",    "ruled_s",    "plain_e"};
  static constexpr const char* kChanges[] = {
      "DELETE FROM plain WHERE id=(SELECT id FROM plain ORDER BY random() LIMIT 1)",
      "UPDATE plain SET a=a+1, b=b||'y' WHERE id%29=3",
      "UPDATE plain SET b=upper(b) WHERE id%5=1",
      "UPDATE plain SET b=b||' ' WHERE id%7=2",
      "UPDATE plain SET c=c+1 WHERE id=5",
      "UPDATE plain SET e=e+1 WHERE id=7",
      "INSERT INTO plain(a,b,c) VALUES(33,'new',1.5)",
      "INSERT INTO plain(a,b,c,e) VALUES(3,NULL,2,9)",
      "UPDATE plain SET id=id+100000 WHERE id=12",
      "DELETE FROM keyed WHERE n=3",
      "UPDATE keyed SET v=v+1 WHERE n%5=1",
      "UPDATE keyed SET w=w+0.5 WHERE n=8",
      "INSERT INTO keyed VALUES('zz', 4444, 1, 2)",
      "UPDATE strict SET x=17 WHERE id=3000",
      "DELETE FROM strict WHERE id=4000",
      "UPDATE strict SET r=r*2 WHERE id%7000=0",
      "UPDATE ruled SET a=a+500 WHERE a%9=0",
      "UPDATE ruled SET b='q' WHERE a=10",
      "DELETE FROM ruled WHERE a=20"};
  // Definitions that no longer fit what is stored.
  static constexpr const char* kDefinitions[][3] = {{"plain", "a INTEGER", "a INTEGER NOT NULL"},
                                                    {"plain", "b TEXT", "b TEXT NOT NULL"},
                                                    {"plain", "b TEXT", "b INTEGER"},
                                                    {"plain", "c REAL", "c TEXT"},
                                                    {"plain", "c REAL", "c REAL CHECK(c < 20)"},
                                                    {"keyed", "v NUMERIC", "v TEXT"},
                                                    {"keyed", "w REAL", "w REAL CHECK(w != 9)"},
                                                    {"keyed", "k TEXT", "k TEXT COLLATE NOCASE"},
                                                    {"strict", "x ANY", "x INT"},
                                                    {"strict", "r REAL", "r INTEGER"},
                                                    {"strict", "b BLOB", "b TEXT"},
                                                    {"ruled", "a < 1000", "a < 50"},
                                                    {"ruled", "length(b) < 5000", "length(b) < 3"},
                                                    {"ruled", "a*2", "a*3"},
                                                    {"ruled", "VIRTUAL", "VIRTUAL NOT NULL CHECK(g != 8)"},
                                                    {"plain_a", "plain(a)", "plain(b)"},
                                                    {"plain_part", "a > 20", "a > 21"},
                                                    {"plain_part", "IS NOT NULL", "IS NULL"},
                                                    {"plain_bc", "c DESC", "c"},
                                                    {"plain_bc", "NOCASE", "BINARY"},
                                                    {"plain_expr", "a+1", "a+2"},
                                                    {"plain_expr", "lower", "upper"},
                                                    {"plain_u", "a, id", "a"},
                                                    {"plain_trim", "RTRIM DESC", "BINARY DESC"},
                                                    {"keyed_v", "v DESC", "v"},
                                                    {"keyed_w", "w, n", "n, w"},
                                                    {"strict_x", "x, r", "r, x"},
                                                    {"ruled_s", "(s)", "(b)"},
                                                    {"plain_a", "CREATE INDEX", "CREATE UNIQUE INDEX"},
                                                    {"keyed_v", "CREATE INDEX", "CREATE UNIQUE INDEX"},
                                                    {"plain_e", "CREATE INDEX", "CREATE UNIQUE INDEX"}};
  static constexpr const char* kUnchecked[] = {
      "INSERT INTO ruled(a,b) VALUES(2000,'big')", "UPDATE ruled SET a=5000 WHERE a=3",
      "UPDATE ruled SET b=printf('%.*c', 6000, 'w') WHERE a=4", "UPDATE ruled SET a=999 WHERE a=8"};
  const auto with = [&](const std::string& sql) {
    Connection db(path, {});
    db.execute(sql.c_str());
  };
  try {
    switch (below(random, 5)) {
      case 0:
        with(std::string("PRAGMA ignore_check_constraints=ON; ") +
             kUnchecked[below(random, std::size(kUnchecked))]);
        break;
      case 1:
      case 2: {
        const auto& change = kDefinitions[below(random, std::size(kDefinitions))];
        with("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql=replace(sql, " +
             quoted_text(change[1]) + ", " + quoted_text(change[2]) +
             ") WHERE name=" + quoted_text(change[0]));
        break;
      }
      default: {
        const std::string index = quoted_text(kIndexes[below(random, std::size(kIndexes))]);
        with("PRAGMA writable_schema=ON; CREATE TABLE kept AS SELECT * FROM sqlite_schema WHERE name=" +
             index + "; DELETE FROM sqlite_schema WHERE name=" + index);
        for (std::size_t i = 1 + below(random, 2); i > 0; i--) {
          try {
            with(kChanges[below(random, std::size(kChanges))]);
          } catch (const Error&) {
          }
        }
        with("PRAGMA writable_schema=ON; INSERT INTO sqlite_schema SELECT * FROM kept; DROP TABLE kept");
      }
    }
  } catch (const Error&) {
    return false;
  }
  return true;
}

}  // namespace litewright
