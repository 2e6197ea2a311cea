#include "format/journal.h"

#include <gtest/gtest.h>

#include <set>

#include "base/bytes.h"
#include "format/real_database_test.h"

namespace litewright {
namespace {

struct Files {
  std::vector<std::byte> before, journal;
};

// The journal of a transaction still open, and the database before it. The tiny cache spills, so the journal
// is synced, and its record count stored, amid the transaction.
Files open_transaction() {
  RealDatabase database;
  database.run(
      "PRAGMA page_size=1024; PRAGMA cache_size=5; CREATE TABLE t(a);"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)"
      " INSERT INTO t SELECT randomblob(900) FROM n");
  Files files;
  files.before = database.file();
  database.run("BEGIN; UPDATE t SET a = randomblob(900)");
  files.journal = database.file("-journal");
  database.run("ROLLBACK");
  return files;
}

TEST(Journal, EveryRecordOfARealJournalHoldsThePageBeforeTheTransaction) {
  const Files files = open_transaction();
  const Bytes journal(files.journal);
  EXPECT_EQ(journal_heat(journal), JournalHeat::kMaybeHot);

  std::set<PageNumber> pages;
  std::uint64_t at = 0;
  int headers = 0;
  while (at + kJournalHeaderBytes <= journal.size()) {
    const auto header = parse_journal_header(journal.subspan(at));
    if (!header) {
      EXPECT_EQ(load_be64(journal, at), 0u) << "the part not yet synced has no magic";
      break;
    }
    ++headers;
    EXPECT_EQ(header->page_size, 1024u);
    EXPECT_EQ(header->database_pages, files.before.size() / 1024);
    const std::uint64_t count = journal_record_count(*header, 1024, at, journal.size());
    EXPECT_EQ(count, header->record_count);
    at += header->sector_size;
    for (std::uint64_t i = 0; i < count; ++i, at += journal_record_bytes(1024)) {
      const auto record = parse_journal_record(journal.subspan(at), 1024, header->nonce);
      ASSERT_TRUE(record) << record.error().what;
      const auto original = Bytes(files.before).subspan((record->page.value - 1) * std::size_t{1024}, 1024);
      EXPECT_TRUE(std::ranges::equal(record->content, original)) << "page " << record->page.value;
      pages.insert(record->page);
    }
    at = (at + header->sector_size - 1) / header->sector_size * header->sector_size;
  }
  EXPECT_GE(headers, 2) << "the transaction was meant to spill";
  EXPECT_GE(pages.size(), 20u);
}

TEST(Journal, WhatIsLeftOfACommittedTransactionIsCold) {
  RealDatabase database;
  database.run("PRAGMA journal_mode=PERSIST; CREATE TABLE t(a); INSERT INTO t VALUES (1)");
  const auto persisted = database.file("-journal");
  EXPECT_GT(persisted.size(), kJournalHeaderBytes);
  EXPECT_EQ(journal_heat(persisted), JournalHeat::kCold);
  database.run("PRAGMA journal_mode=TRUNCATE; INSERT INTO t VALUES (2)");
  EXPECT_EQ(journal_heat(database.file("-journal")), JournalHeat::kCold);
  EXPECT_EQ(journal_heat({}), JournalHeat::kCold);
  EXPECT_EQ(journal_heat(bytes_of("-- not a journal, but somebody's text")), JournalHeat::kNotAJournal);
}

TEST(Journal, DamageIsRefusedWhereItStands) {
  const Files files = open_transaction();
  struct Case {
    std::size_t offset;
    std::uint32_t value;
    std::uint64_t reported;
  };
  const Case headers[] = {{0, 0, 0},         {4, 7, 0},     {20, 0, 20},      {20, 100, 20},
                          {20, 1 << 17, 20}, {24, 256, 24}, {24, 1 << 17, 24}};
  for (const Case& c : headers) {
    auto damaged = files.journal;
    store_be32(damaged, c.offset, c.value);
    const auto header = parse_journal_header(damaged);
    ASSERT_FALSE(header) << c.offset;
    EXPECT_EQ(header.error().offset, c.reported);
  }
  EXPECT_EQ(parse_journal_header(Bytes(files.journal).first(27)).error().kind, Malformed::Kind::kTruncated);

  const auto header = parse_journal_header(files.journal);
  const Bytes first = Bytes(files.journal).subspan(header->sector_size, journal_record_bytes(1024));
  ASSERT_TRUE(parse_journal_record(first, 1024, header->nonce));
  const Case records[] = {
      {0, 0, 0}, {0, 1048577, 0}, {4 + 24, ~load_be32(first, 4 + 24), 1028}, {1028, 1, 1028}};
  for (const Case& c : records) {
    std::vector<std::byte> damaged(first.begin(), first.end());
    store_be32(damaged, c.offset, c.value);
    const auto record = parse_journal_record(damaged, 1024, header->nonce);
    ASSERT_FALSE(record) << c.offset;
    EXPECT_EQ(record.error().offset, c.reported) << record.error().what;
  }
  EXPECT_EQ(parse_journal_record(first.first(1031), 1024, 0).error().kind, Malformed::Kind::kTruncated);
}

TEST(Journal, RecordCountNeverExceedsTheFile) {
  const JournalHeader lying{.record_count = 1000, .sector_size = 512, .page_size = 1024};
  const JournalHeader open{.record_count = kJournalCountByFileSize, .sector_size = 512, .page_size = 1024};
  const JournalHeader unsynced{.record_count = 0, .sector_size = 512, .page_size = 1024};
  EXPECT_EQ(journal_record_count(lying, 1024, 0, 512 + 3 * 1032), 3u);
  EXPECT_EQ(journal_record_count(open, 1024, 0, 512 + 3 * 1032 + 1031), 3u);
  EXPECT_EQ(journal_record_count(unsynced, 1024, 0, 512 + 3 * 1032), 0u);
  EXPECT_EQ(journal_record_count(open, 1024, 0, 511), 0u);
  EXPECT_EQ(journal_record_count(open, 1024, 5000, 4000), 0u);
}

TEST(Journal, TheSuperJournalOfACommitOverTwoDatabasesIsNamed) {
  const std::string name = "/data/app.db-mjA0B1C2D3\xc3\xa9";
  for (const bool as_signed : {true, false}) {
    std::string tail = "earlier bytes" + name + std::string(8, '\0') + "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";
    std::uint32_t sum = 0;
    for (const char c : name) {
      sum +=
          as_signed ? static_cast<std::uint32_t>(static_cast<signed char>(c)) : static_cast<unsigned char>(c);
    }
    const auto bytes = std::as_writable_bytes(std::span(tail));
    store_be32(bytes, tail.size() - 16, static_cast<std::uint32_t>(name.size()));
    store_be32(bytes, tail.size() - 12, sum);
    EXPECT_EQ(super_journal_name(bytes), name);
    store_be32(bytes, tail.size() - 12, sum + 1);
    EXPECT_EQ(super_journal_name(bytes), std::nullopt);
    store_be32(bytes, tail.size() - 16, 100000);
    EXPECT_EQ(super_journal_name(bytes), std::nullopt);
  }
  EXPECT_EQ(super_journal_name({}), std::nullopt);
  EXPECT_EQ(super_journal_name(open_transaction().journal), std::nullopt);
}

}  // namespace
}  // namespace litewright
