#include "format/database_header.h"

#include <gtest/gtest.h>

#include <random>

#include "base/bytes.h"
#include "format/real_database_test.h"

namespace litewright {
namespace {

TEST(DatabaseHeader, EveryFieldIsWhatSqliteAnswers) {
  RealDatabase database;
  database.run(
      "PRAGMA page_size=65536; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA encoding='UTF-16be';"
      "PRAGMA application_id=0x4c575254; PRAGMA user_version=-7; PRAGMA default_cache_size=321;"
      "CREATE TABLE t(a); CREATE TABLE u(a); INSERT INTO t VALUES (zeroblob(700000)); DELETE FROM t");
  const auto header = parse_database_header(database.file());
  ASSERT_TRUE(header) << header.error().what;
  EXPECT_EQ(header->page_size, 65536u);
  EXPECT_EQ(header->usable_bytes(), 65536u);
  EXPECT_FALSE(header->is_wal());
  EXPECT_EQ(header->auto_vacuum(), AutoVacuum::kIncremental);
  EXPECT_EQ(header->text_encoding, TextEncoding::kUtf16BigEndian);
  EXPECT_EQ(header->application_id, 0x4c575254u);
  EXPECT_EQ(header->user_version, -7);
  EXPECT_EQ(header->default_cache_size, 321);
  EXPECT_EQ(header->schema_cookie, database.number("PRAGMA schema_version"));
  EXPECT_EQ(header->page_count(), database.number("PRAGMA page_count"));
  EXPECT_EQ(header->freelist_pages, database.number("PRAGMA freelist_count"));
  EXPECT_GT(header->freelist_pages, 8u);
  EXPECT_GT(header->first_freelist_trunk, PageNumber(1));
  EXPECT_EQ(header->largest_root_page, PageNumber(4));
  EXPECT_EQ(header->schema_format, 4u);
  EXPECT_EQ(header->sqlite_version_text(), sqlite3_libversion());
}

TEST(DatabaseHeader, WalModeShowsInTheReadVersion) {
  RealDatabase database;
  database.run("PRAGMA journal_mode=WAL; CREATE TABLE t(a); PRAGMA wal_checkpoint");
  const auto header = parse_database_header(database.file());
  ASSERT_TRUE(header) << header.error().what;
  EXPECT_TRUE(header->is_wal());
  EXPECT_EQ(header->page_size, 4096u);
  EXPECT_EQ(header->auto_vacuum(), AutoVacuum::kNone);
}

TEST(DatabaseHeader, PageCountCountsOnlyWhenTheLastWriterKeptIt) {
  RealDatabase database;
  database.run("CREATE TABLE t(a)");
  auto bytes = database.file();
  EXPECT_EQ(parse_database_header(bytes)->page_count(), 2u);
  store_be32(bytes, 92, load_be32(bytes, 24) - 1);
  EXPECT_EQ(parse_database_header(bytes)->page_count(), std::nullopt);
}

TEST(DatabaseHeader, WhatSqliteRefusesIsRefusedWithTheFieldThatIsWrong) {
  RealDatabase database;
  database.run("PRAGMA page_size=512; CREATE TABLE t(a)");
  const auto sound = database.file();
  ASSERT_TRUE(parse_database_header(sound));
  struct Case {
    std::size_t offset;
    std::uint8_t value;
    std::uint64_t reported;
    Malformed::Kind kind;
  };
  const Case cases[] = {
      {0, 's', 0, Malformed::Kind::kInvalid},  {15, 1, 0, Malformed::Kind::kInvalid},
      {16, 3, 16, Malformed::Kind::kInvalid},  {16, 0, 16, Malformed::Kind::kInvalid},
      {17, 1, 16, Malformed::Kind::kInvalid},  {19, 3, 19, Malformed::Kind::kUnsupported},
      {20, 33, 20, Malformed::Kind::kInvalid}, {20, 255, 20, Malformed::Kind::kInvalid},
      {21, 63, 21, Malformed::Kind::kInvalid}, {23, 0, 21, Malformed::Kind::kInvalid},
  };
  for (const Case& c : cases) {
    auto damaged = sound;
    damaged[c.offset] = std::byte{c.value};
    const auto header = parse_database_header(damaged);
    ASSERT_FALSE(header) << "byte " << c.offset << " = " << int{c.value};
    EXPECT_EQ(header.error().offset, c.reported);
    EXPECT_EQ(header.error().kind, c.kind);
  }
  auto most_reserved = sound;
  most_reserved[20] = std::byte{32};
  EXPECT_EQ(parse_database_header(most_reserved)->usable_bytes(), 480u);
  auto future_writer = sound;
  future_writer[18] = std::byte{3};
  EXPECT_TRUE(parse_database_header(future_writer)) << "SQLite opens it for reading";
  EXPECT_EQ(parse_database_header(Bytes(sound).first(99)).error().kind, Malformed::Kind::kTruncated);
}

TEST(DatabaseHeader, AFileThatIsNoDatabaseIsNamedForWhatItIs) {
  std::mt19937 random(1);
  std::string ciphertext(4096, '\0');
  for (char& c : ciphertext) c = static_cast<char>(random());
  std::string binary(300, '\0');
  for (std::size_t i = 0; i < binary.size(); ++i) binary[i] = i % 3 == 0 ? '\x01' : '\x02';

  const std::pair<std::string, std::string> cases[] = {
      {ciphertext, "looks encrypted"},
      {ciphertext.substr(0, 256), "looks encrypted"},
      {std::string("\x1f\x8b\x08", 3), "is a gzip file"},
      {std::string("\x28\xb5\x2f\xfd", 4) + ciphertext, "is a zstd file"},
      {"-- dump\nCREATE TABLE t(a);\n", "is a text file"},
      {std::string(4096, '\0'), "begins with 4096 bytes of zeros"},
      {"\x37\x7f\x06\x82", "is a write-ahead log"},
      {"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", "is a rollback journal"},
      {"** This file contains an SQLite 2.1 database **", "is a SQLite 2 database"},
      {binary, "is not a SQLite database"},
      {binary.substr(0, 99), "has 99 bytes"},
  };
  for (const auto& [content, reason] : cases) {
    const auto said = looks_encrypted_or_not_a_database(bytes_of(content));
    ASSERT_TRUE(said) << reason;
    EXPECT_TRUE(said->starts_with(reason)) << *said;
  }
}

TEST(DatabaseHeader, ADatabaseAndAnEmptyFileAreNotSuspected) {
  RealDatabase database;
  database.run("CREATE TABLE t(a)");
  EXPECT_EQ(looks_encrypted_or_not_a_database(database.file()), std::nullopt);
  EXPECT_EQ(looks_encrypted_or_not_a_database({}), std::nullopt);
}

}  // namespace
}  // namespace litewright
