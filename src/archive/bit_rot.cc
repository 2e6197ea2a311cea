#include "archive/bit_rot.h"

#include <fmt/format.h>

#include <algorithm>

#include "archive/ledger.h"
#include "archive/resume.h"
#include "base/checksum.h"
#include "base/shell_words.h"
#include "format/wal_index.h"
#include "sqlite/live_files.h"

namespace litewright {
namespace {

constexpr std::uint32_t kChunkBytes = 1 << 20;
constexpr int kIndexReads = 100;

bool wal_stands_at(PageSnapshot& now, const std::optional<WalPosition>& position) {
  if (!now.wal() || !position || position->frame.value == 0) return false;
  const LiveFiles files(now.connection());
  for (int tries = 0; tries < kIndexReads; tries++) {
    const auto index = read_shared_wal_index(files.index_head());
    if (!index) continue;
    const WalIndexHeader& header = index->header;
    return header.max_frame == position->frame && header.salt[0] == position->salt[0] &&
           header.salt[1] == position->salt[1];
  }
  return false;
}

bool first_page_is(PageSnapshot& now, Ledger& ledger) {
  std::vector<std::byte> page(now.page_size());
  now.read(PageNumber(1), page);
  return page_checksum(PageNumber(1), page) == ledger.get(PageNumber(1));
}

void compare_pages(PageSnapshot& now, Ledger& ledger, BitRotReport& report) {
  const std::uint32_t page_size = now.page_size(), all = now.page_count();
  const std::uint32_t at_once = std::max<std::uint32_t>(kChunkBytes / page_size, 1);
  std::vector<std::byte> chunk;
  for (std::uint32_t done = 0; done < all; done += at_once) {
    const std::uint32_t count = std::min(at_once, all - done);
    chunk.resize(std::size_t{count} * page_size);
    now.read(PageNumber(done + 1), chunk);
    for (std::uint32_t i = 0; i < count; i++) {
      const PageNumber page(done + i + 1);
      if (page == lock_page(page_size)) continue;
      report.pages++;
      const Bytes content = Bytes(chunk).subspan(std::size_t{i} * page_size, page_size);
      if (page_checksum(page, content) == ledger.get(page)) continue;
      report.differing++;
      if (report.first.size() < BitRotReport::kMostNamed) report.first.push_back(page);
    }
  }
}

}  // namespace

BitRotReport look_for_rot(const ObjectStore& store, const Catalogue& catalogue, PageSnapshot& now,
                          WallTime last_written, const std::string& folder) {
  BitRotReport report;
  const auto newest = catalogue.newest();
  const auto line = catalogue.line();
  if (!newest || line.empty()) {
    report.not_compared = "nothing is archived";
    return report;
  }
  report.txid = newest->txid;
  if (line.back()->header.page_size != now.page_size() || newest->page_count != now.page_count()) {
    report.not_compared = "the database has another size than after its newest archived commit";
    return report;
  }
  Ledger ledger({.folder = folder, .page_size = now.page_size()});
  rebuild_ledger(store, catalogue, ledger);
  const bool unwritten = last_written <= newest->seen_at;
  if (!unwritten && !wal_stands_at(now, line.back()->position) &&
      (now.wal() || !first_page_is(now, ledger))) {
    report.not_compared = "the database was written since its newest archived commit";
    return report;
  }
  compare_pages(now, ledger, report);
  return report;
}

std::vector<Finding> bit_rot_findings(const BitRotReport& report, std::uint32_t page_size,
                                      const std::string& database) {
  std::vector<Finding> findings;
  for (const PageNumber page : report.first) {
    findings.push_back({.id = "bit-rot.page",
                        .severity = Severity::kCritical,
                        .database = database,
                        .object = fmt::format("page {}", page.value),
                        .figures = {{"offset", static_cast<std::int64_t>(page.value - 1) * page_size},
                                    {"commit", static_cast<std::int64_t>(report.txid.value)},
                                    {"pages_differing", static_cast<std::int64_t>(report.differing)}},
                        .meaning = "the page is not as its last commit left it: the disk or a stray write "
                                   "changed it; the archive has it whole",
                        .remedy = "litewright restore " + shell_quoted(database)});
  }
  return findings;
}

}  // namespace litewright
