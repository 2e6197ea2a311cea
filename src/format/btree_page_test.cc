#include "format/btree_page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/bytes.h"
#include "format/real_database_test.h"
#include "format/record.h"

namespace litewright {
namespace {

// Interior and leaf pages of tables and indexes, payloads of every fit, holes left by deletes.
void fill(RealDatabase& database, const std::string& page_size) {
  database.run("PRAGMA page_size=" + page_size +
               "; CREATE TABLE t(id INTEGER PRIMARY KEY, body BLOB); CREATE INDEX by_body ON t(body);"
               "BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)"
               " INSERT INTO t SELECT i * 3 - 1000, randomblob((i * i) % 700 + (i % 97 = 0) * 70000) FROM n;"
               "DELETE FROM t WHERE id % 5 = 0; UPDATE t SET body = randomblob(length(body) - 3)"
               " WHERE id % 7 = 0 AND length(body) > 3; COMMIT");
}

std::vector<std::byte> payload_of(const BTreeCell& cell, Bytes file, std::uint32_t page_size) {
  std::vector<std::byte> payload(cell.local_payload.begin(), cell.local_payload.end());
  std::uint32_t page = cell.first_overflow_page.value;
  for (std::uint32_t i = 0; i < cell.overflow_pages; ++i) {
    const Bytes bytes = file.subspan((page - 1) * std::size_t{page_size}, page_size);
    const std::size_t take = std::min<std::size_t>(page_size - 4, cell.payload_bytes - payload.size());
    payload.insert(payload.end(), bytes.begin() + 4, bytes.begin() + 4 + static_cast<std::ptrdiff_t>(take));
    page = load_be32(bytes, 0);
  }
  EXPECT_EQ(page, 0u) << "the chain ends where the payload does";
  return payload;
}

// Rows of the table under `page` in the order of the tree: rowid and length of `body`.
void walk_table(std::uint32_t page, Bytes file, std::uint32_t page_size,
                std::vector<std::pair<std::int64_t, std::size_t>>& rows) {
  const auto parsed = BTreePage::parse(
      PageNumber(page), file.subspan((page - 1) * std::size_t{page_size}, page_size), page_size);
  ASSERT_TRUE(parsed) << parsed.error().what;
  for (std::uint32_t i = 0; i < parsed->cell_count(); ++i) {
    const auto cell = parsed->cell(i);
    ASSERT_TRUE(cell) << cell.error().what;
    if (parsed->kind() == BTreePageKind::kInteriorTable) {
      walk_table(cell->left_child.value, file, page_size, rows);
      continue;
    }
    const auto payload = payload_of(*cell, file, page_size);
    auto record = RecordCursor::open(payload);
    ASSERT_TRUE(record) << record.error().what;
    EXPECT_TRUE(std::holds_alternative<std::monostate>(*record->next().value()));
    rows.emplace_back(cell->rowid, std::get<BlobValue>(*record->next().value()).bytes.size());
    EXPECT_FALSE(record->next().value()) << "two columns";
  }
  if (!is_leaf(parsed->kind())) walk_table(parsed->header().right_child.value, file, page_size, rows);
}

TEST(BTreePage, EveryRowOfARealTableIsReadInOrderWithItsOverflow) {
  for (const std::uint32_t page_size : {512u, 4096u, 65536u}) {
    RealDatabase database;
    fill(database, std::to_string(page_size));
    const auto file = database.file();
    std::vector<std::pair<std::int64_t, std::size_t>> rows;
    walk_table(
        static_cast<std::uint32_t>(database.number("SELECT rootpage FROM sqlite_schema WHERE name='t'")),
        file, page_size, rows);
    EXPECT_EQ(rows.size(), 720u);
    EXPECT_TRUE(std::ranges::is_sorted(rows));
    std::int64_t ids = 0;
    std::size_t bytes = 0;
    for (const auto& [id, length] : rows) {
      ids += id;
      bytes += length;
    }
    EXPECT_EQ(ids, database.number("SELECT sum(id) FROM t"));
    EXPECT_EQ(bytes, static_cast<std::size_t>(database.number("SELECT sum(length(body)) FROM t")));
  }
}

TEST(BTreePage, CellsPayloadAndFreeBytesOfEachPageAreWhatDbstatCounts) {
  for (const std::uint32_t page_size : {512u, 4096u, 65536u}) {
    RealDatabase database;
    fill(database, std::to_string(page_size));
    const auto file = database.file();
    database.run(
        "CREATE TEMP TABLE stat AS SELECT pageno, pagetype, ncell, payload, unused FROM dbstat;"
        "CREATE INDEX temp.by_page ON stat(pageno)");
    std::map<BTreePageKind, int> seen;
    const auto pages = database.number("PRAGMA page_count");
    for (std::uint32_t number = 1; number <= pages; ++number) {
      const std::string where = " FROM stat WHERE pageno=" + std::to_string(number);
      if (database.number("SELECT count(*)" + where + " AND pagetype IN ('leaf','internal')") == 0) continue;
      const auto page =
          BTreePage::parse(PageNumber(number),
                           Bytes(file).subspan((number - 1) * std::size_t{page_size}, page_size), page_size);
      ASSERT_TRUE(page) << number << ": " << page.error().what;
      ++seen[page->kind()];
      EXPECT_EQ(page->cell_count(), database.number("SELECT ncell" + where));
      const auto free = page->free_bytes();
      ASSERT_TRUE(free) << free.error().what;
      EXPECT_EQ(*free, database.number("SELECT unused" + where)) << "page " << number;
      std::uint64_t payload = 0, cells = 0;
      for (std::uint32_t i = 0; i < page->cell_count(); ++i) {
        const auto cell = page->cell(i);
        ASSERT_TRUE(cell) << cell.error().what;
        payload += cell->local_payload.size();
        cells += cell->length;
      }
      EXPECT_EQ(payload, static_cast<std::uint64_t>(database.number("SELECT payload" + where)))
          << "page " << number;
      const std::uint32_t header = (number == 1 ? 100u : 0u) + (is_leaf(page->kind()) ? 8u : 12u);
      EXPECT_EQ(header + 2 * page->cell_count() + cells + *free, page_size) << "every byte has one owner";
    }
    EXPECT_EQ(seen.size(), 4u) << "all four kinds of page at page size " << page_size;
  }
}

TEST(BTreePage, LocalPayloadFollowsTheFormatsFormula) {
  struct Case {
    BTreePageKind kind;
    std::uint64_t payload;
    std::uint32_t usable, local, overflow_pages;
  };
  const Case cases[] = {
      {BTreePageKind::kLeafTable, 4061, 4096, 4061, 0},
      {BTreePageKind::kLeafTable, 4062, 4096, 489, 1},
      {BTreePageKind::kLeafTable, 4581, 4096, 489, 1},
      {BTreePageKind::kLeafTable, 4582, 4096, 490, 1},
      {BTreePageKind::kLeafTable, 10000, 4096, 1816, 2},
      {BTreePageKind::kLeafIndex, 1002, 4096, 1002, 0},
      {BTreePageKind::kLeafIndex, 1003, 4096, 489, 1},
      {BTreePageKind::kInteriorIndex, 1002, 4096, 1002, 0},
      {BTreePageKind::kLeafTable, 477, 512, 477, 0},
      {BTreePageKind::kLeafTable, 478, 512, 39, 1},
      {BTreePageKind::kLeafTable, 0x7fffffff, 480, 127, 4511520},
  };
  for (const Case& c : cases) {
    const std::uint32_t local = local_payload_bytes(c.kind, c.payload, c.usable);
    EXPECT_EQ(local, c.local) << c.payload << " of " << c.usable;
    EXPECT_EQ(overflow_page_count(c.payload, local, c.usable), c.overflow_pages)
        << c.payload << " of " << c.usable;
  }
}

// A leaf table page of 512 bytes: one cell {payload 3, rowid 5} at 500, and a freeblock of 6 at 506.
std::vector<std::byte> small_leaf() {
  std::vector<std::byte> page(512);
  page[0] = std::byte{13};
  store_be16(page, 1, 506);
  store_be16(page, 3, 1);
  store_be16(page, 5, 500);
  store_be16(page, 8, 500);
  page[500] = std::byte{3};
  page[501] = std::byte{5};
  store_be16(page, 508, 6);
  return page;
}

TEST(BTreePage, ABrokenHeaderIsRefused) {
  struct Case {
    std::size_t offset;
    std::uint16_t value;
    std::uint64_t reported;
  };
  const Case cases[] = {
      {0, 0x0100, 0}, {0, 0x0e00, 0}, {3, 253, 3}, {3, 0xffff, 3}, {5, 0, 5}, {5, 9, 5}, {5, 513, 5},
  };
  ASSERT_TRUE(BTreePage::parse(PageNumber(2), small_leaf(), 512));
  for (const Case& c : cases) {
    auto page = small_leaf();
    store_be16(page, c.offset, c.value);
    const auto parsed = BTreePage::parse(PageNumber(2), page, 512);
    ASSERT_FALSE(parsed) << c.offset << " = " << c.value;
    EXPECT_EQ(parsed.error().offset, c.reported) << parsed.error().what;
  }
  EXPECT_EQ(BTreePage::parse(PageNumber(2), small_leaf(), 513).error().kind, Malformed::Kind::kTruncated);
  EXPECT_EQ(BTreePage::parse(PageNumber(2), {}, 0).error().kind, Malformed::Kind::kTruncated);
}

TEST(BTreePage, ABrokenCellIsRefusedAndTheOthersStillRead) {
  auto page = small_leaf();
  store_be16(page, 3, 2);
  struct Case {
    std::uint16_t pointer;
    std::vector<int> cell;
    const char* what;
  };
  const Case cases[] = {
      {0, {}, "said to be at 0"},
      {11, {}, "said to be at 11"},
      {509, {}, "said to be at 509"},
      {0xffff, {}, "said to be at 65535"},
      {508, {0x03, 0x01}, "runs past"},
      {508, {0x81, 0x81, 0x81, 0x81}, "runs past"},
      {300, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "claims a payload"},
      {480, {0x83, 0x5d, 0x01}, "runs past"},
  };
  for (const Case& c : cases) {
    auto damaged = page;
    store_be16(damaged, 10, c.pointer);
    for (std::size_t i = 0; i < c.cell.size(); ++i)
      damaged[c.pointer + i] = static_cast<std::byte>(c.cell[i]);
    const auto parsed = BTreePage::parse(PageNumber(2), damaged, 512);
    ASSERT_TRUE(parsed);
    const auto broken = parsed->cell(1);
    ASSERT_FALSE(broken) << c.pointer;
    EXPECT_NE(broken.error().what.find(c.what), std::string::npos) << broken.error().what;
    EXPECT_EQ(parsed->cell(0)->rowid, 5);
  }
  EXPECT_FALSE(BTreePage::parse(PageNumber(2), page, 512)->cell(2));
}

TEST(BTreePage, FreeblocksThatLeaveThePageOverlapOrCircleAreRefused) {
  struct Case {
    std::uint16_t first, next, bytes;
    bool sound;
  };
  const Case cases[] = {
      {506, 0, 6, true},  {0, 0, 0, true},      {506, 0, 7, false},
      {506, 0, 3, false}, {506, 506, 6, false}, {499, 0, 4, false},
      {509, 0, 4, false}, {506, 510, 4, false}, {506, 0xffff, 6, false},
  };
  for (const Case& c : cases) {
    auto page = small_leaf();
    store_be16(page, 1, c.first);
    store_be16(page, 506, c.next);
    store_be16(page, 508, c.bytes);
    const auto parsed = BTreePage::parse(PageNumber(2), page, 512);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->freeblocks().has_value(), c.sound) << c.first << " " << c.next << " " << c.bytes;
    EXPECT_EQ(parsed->free_bytes().has_value(), c.sound);
  }
}

}  // namespace
}  // namespace litewright
