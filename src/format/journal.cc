#include "format/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/bytes.h"

namespace litewright {
namespace {

constexpr std::string_view kMagic{"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8};
constexpr std::uint32_t kChecksumStride = 200;
constexpr std::size_t kSuperJournalTrailerBytes = 16;

bool valid_sector_size(std::uint32_t size) { return size >= 32 && size <= 65536 && (size & (size - 1)) == 0; }

// Not every byte: SQLite wants to notice a record that was never written, cheaply.
std::uint32_t record_checksum(Bytes page, std::uint32_t nonce) {
  std::uint32_t sum = nonce;
  for (std::size_t at = page.size(); at > kChecksumStride;) {
    at -= kChecksumStride;
    sum += load_u8(page, at);
  }
  return sum;
}

}  // namespace

std::expected<JournalHeader, Malformed> parse_journal_header(Bytes data) {
  if (data.size() < kJournalHeaderBytes) {
    return malformed(data.size(),
                     fmt::format("journal header has {} bytes of {}", data.size(), kJournalHeaderBytes),
                     Malformed::Kind::kTruncated);
  }
  if (text_of(data.first(kMagic.size())) != kMagic) {
    return malformed(0, fmt::format("journal magic is {:016x}", load_be64(data, 0)));
  }
  const JournalHeader header{.record_count = load_be32(data, 8),
                             .nonce = load_be32(data, 12),
                             .database_pages = load_be32(data, 16),
                             .sector_size = load_be32(data, 20),
                             .page_size = load_be32(data, 24)};
  if (!valid_sector_size(header.sector_size)) {
    return malformed(20, fmt::format("journal sector size is {}, not a power of two from 32 to 65536",
                                     header.sector_size));
  }
  if (header.page_size != 0 && !valid_page_size(header.page_size)) {
    return malformed(
        24, fmt::format("journal page size is {}, not a power of two from 512 to 65536", header.page_size));
  }
  return header;
}

std::uint64_t journal_record_count(const JournalHeader& header, std::uint32_t page_size,
                                   std::uint64_t header_offset, std::uint64_t file_bytes) {
  if (header_offset >= file_bytes || file_bytes - header_offset < header.sector_size) return 0;
  const std::uint64_t fitting =
      (file_bytes - header_offset - header.sector_size) / journal_record_bytes(page_size);
  return header.record_count == kJournalCountByFileSize
             ? fitting
             : std::min<std::uint64_t>(header.record_count, fitting);
}

std::expected<JournalRecord, Malformed> parse_journal_record(Bytes data, std::uint32_t page_size,
                                                             std::uint32_t nonce) {
  if (data.size() < journal_record_bytes(page_size)) {
    return malformed(
        data.size(),
        fmt::format("journal record has {} bytes of {}", data.size(), journal_record_bytes(page_size)),
        Malformed::Kind::kTruncated);
  }
  const PageNumber page(load_be32(data, 0));
  if (page.value == 0) return malformed(0, "journal record is for page 0");
  if (page_size != 0 && page == lock_page(page_size)) {
    return malformed(0, fmt::format("journal record is for the lock page {}", page.value));
  }
  const Bytes content = data.subspan(4, page_size);
  const std::uint32_t stored = load_be32(data, 4 + page_size);
  const std::uint32_t computed = record_checksum(content, nonce);
  if (stored != computed) {
    return malformed(4 + page_size,
                     fmt::format("journal record of page {} has checksum {:08x}, its bytes give {:08x}",
                                 page.value, stored, computed));
  }
  return JournalRecord{page, content};
}

JournalHeat journal_heat(Bytes beginning) {
  // SQLite's hasHotJournal looks at the first byte only.
  if (beginning.empty() || beginning[0] == std::byte{0}) return JournalHeat::kCold;
  return parse_journal_header(beginning) ? JournalHeat::kMaybeHot : JournalHeat::kNotAJournal;
}

std::optional<std::string> super_journal_name(Bytes tail) {
  if (tail.size() < kSuperJournalTrailerBytes) return std::nullopt;
  const Bytes trailer = tail.last(kSuperJournalTrailerBytes);
  const std::uint32_t length = load_be32(trailer, 0);
  if (text_of(trailer.subspan(8)) != kMagic || length == 0 ||
      length > tail.size() - kSuperJournalTrailerBytes) {
    return std::nullopt;
  }
  const Bytes name = tail.subspan(tail.size() - kSuperJournalTrailerBytes - length, length);
  std::uint32_t sum = 0;
  // SQLite sums plain chars, signed on most machines; both readings are taken.
  std::uint32_t signed_sum = 0;
  for (const std::byte b : name) {
    sum += std::to_integer<std::uint8_t>(b);
    signed_sum += static_cast<std::uint32_t>(std::to_integer<std::int8_t>(b));
  }
  const std::uint32_t stored = load_be32(trailer, 4);
  if (stored != sum && stored != signed_sum) return std::nullopt;
  return std::string(text_of(name));
}

}  // namespace litewright
