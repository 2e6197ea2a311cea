#include "format/record.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/bytes.h"
#include "base/test_bytes.h"
#include "format/btree_page.h"
#include "format/real_database_test.h"

namespace litewright {
namespace {

TEST(Record, EveryTypeThatSqliteWritesIsReadBack) {
  RealDatabase database;
  database.run(
      "CREATE TABLE t(a,b,c,d,e,f,g,h,i,j,k,l,m,n); INSERT INTO t VALUES (NULL, 0, 1, -1, 300, -70000, "
      "2147483647,"
      "-140737488355328, 9223372036854775807, -9223372036854775807 - 1, 1.5, 'h\xc3\xa9', x'00ff', '')");
  const auto page = database.page(2, 4096);
  const auto parsed = BTreePage::parse(PageNumber(2), page, 4096);
  ASSERT_TRUE(parsed) << parsed.error().what;
  auto cursor = RecordCursor::open(parsed->cell(0)->local_payload);
  ASSERT_TRUE(cursor) << cursor.error().what;
  const auto next = [&] { return cursor->next().value().value(); };
  EXPECT_TRUE(std::holds_alternative<std::monostate>(next()));
  for (const std::int64_t expected :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}, std::int64_t{300}, std::int64_t{-70000},
        std::int64_t{2147483647}, std::int64_t{-140737488355328}, std::numeric_limits<std::int64_t>::max(),
        std::numeric_limits<std::int64_t>::min()}) {
    EXPECT_EQ(std::get<std::int64_t>(next()), expected);
  }
  EXPECT_EQ(std::get<double>(next()), 1.5);
  EXPECT_EQ(text_of(std::get<TextValue>(next()).bytes), "h\xc3\xa9");
  EXPECT_EQ(text_of(std::get<BlobValue>(next()).bytes), std::string_view("\x00\xff", 2));
  EXPECT_EQ(std::get<TextValue>(next()).bytes.size(), 0u);
  EXPECT_EQ(cursor->next().value(), std::nullopt);
  EXPECT_EQ(cursor->column(), 14u);
}

TEST(Record, ANanIsNull) {
  const auto nan = bytes({2, 7, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0});
  EXPECT_TRUE(std::holds_alternative<std::monostate>(*RecordCursor::open(nan)->next().value()));
}

TEST(Record, ARecordOfNoColumnsHasNone) {
  EXPECT_EQ(RecordCursor::open(bytes({1}))->next().value(), std::nullopt);
}

TEST(Record, WhatContradictsTheFormatIsRefusedWhereItStands) {
  struct Case {
    const char* name;
    std::vector<std::byte> record;
    std::uint64_t columns, offset;
    Malformed::Kind kind;
  };
  const Case cases[] = {
      {"header shorter than its own length", bytes({0}), 0, 0, Malformed::Kind::kInvalid},
      {"header longer than the record", bytes({3, 1}), 0, 0, Malformed::Kind::kInvalid},
      {"empty", {}, 0, 0, Malformed::Kind::kTruncated},
      {"type past the header", bytes({2, 0x81, 0x00}), 0, 1, Malformed::Kind::kInvalid},
      {"type past the record", bytes({2, 0x81}), 0, 1, Malformed::Kind::kTruncated},
      {"reserved type 10", bytes({2, 10}), 0, 1, Malformed::Kind::kInvalid},
      {"reserved type 11", bytes({3, 0, 11}), 1, 2, Malformed::Kind::kInvalid},
      {"value past the record", bytes({2, 2, 0x01}), 0, 2, Malformed::Kind::kInvalid},
      {"bytes left over", bytes({2, 1, 0x01, 0x02}), 1, 3, Malformed::Kind::kInvalid},
      {"a length near 2^63", bytes({10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), 0, 10,
       Malformed::Kind::kInvalid},
  };
  for (const Case& c : cases) {
    auto cursor = RecordCursor::open(c.record);
    if (!cursor) {
      EXPECT_EQ(cursor.error().offset, c.offset) << c.name;
      EXPECT_EQ(cursor.error().kind, c.kind) << c.name;
      continue;
    }
    auto value = cursor->next();
    while (value && *value) value = cursor->next();
    ASSERT_FALSE(value) << c.name;
    EXPECT_EQ(value.error().offset, c.offset) << c.name;
    EXPECT_EQ(value.error().kind, c.kind) << c.name;
    EXPECT_EQ(cursor->column(), c.columns) << c.name;
    EXPECT_FALSE(cursor->next()) << c.name << ": an error stays";
  }
}

TEST(Record, ColumnsAtHandAreReadBeforeTheOverflowIsGathered) {
  // An integer, an empty text, then a blob of 4 bytes of which 2 are at hand.
  const auto record = bytes({4, 1, 13, 20, 0x2a, 0xde, 0xad, 0xbe, 0xef});
  auto cursor = RecordCursor::open(Bytes(record).first(7), record.size());
  ASSERT_TRUE(cursor);
  EXPECT_EQ(std::get<std::int64_t>(*cursor->next().value()), 42);
  EXPECT_TRUE(std::holds_alternative<TextValue>(*cursor->next().value()));
  EXPECT_EQ(cursor->next().error().kind, Malformed::Kind::kTruncated);
  auto whole = RecordCursor::open(record);
  whole->next().value();
  whole->next().value();
  EXPECT_EQ(std::get<BlobValue>(*whole->next().value()).bytes.size(), 4u);
}

}  // namespace
}  // namespace litewright
