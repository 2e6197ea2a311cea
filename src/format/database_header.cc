#include "format/database_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/bytes.h"

namespace litewright {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kMagic = "SQLite format 3\0"sv;
constexpr std::uint32_t kLeastUsableBytes = 480;

TextEncoding decode_text_encoding(std::uint32_t stored) {
  // SQLite looks at two bits, and takes 0 (a database without tables) for UTF-8.
  const std::uint32_t bits = stored & 3;
  return bits == 0 ? TextEncoding::kUtf8 : static_cast<TextEncoding>(bits);
}

DatabaseHeader decode(Bytes data) {
  DatabaseHeader header;
  const std::uint16_t page_size = load_be16(data, 16);
  header.page_size = page_size == 1 ? 65536u : page_size;
  header.write_version = load_u8(data, 18);
  header.read_version = load_u8(data, 19);
  header.reserved_bytes = load_u8(data, 20);
  header.change_counter = load_be32(data, 24);
  header.stored_page_count = load_be32(data, 28);
  header.first_freelist_trunk = PageNumber(load_be32(data, 32));
  header.freelist_pages = load_be32(data, 36);
  header.schema_cookie = load_be32(data, 40);
  header.schema_format = load_be32(data, 44);
  header.default_cache_size = static_cast<std::int32_t>(load_be32(data, 48));
  header.largest_root_page = PageNumber(load_be32(data, 52));
  header.text_encoding = decode_text_encoding(load_be32(data, 56));
  header.user_version = static_cast<std::int32_t>(load_be32(data, 60));
  header.incremental_vacuum = load_be32(data, 64) != 0;
  header.application_id = load_be32(data, 68);
  header.version_valid_for = load_be32(data, 92);
  header.sqlite_version = load_be32(data, 96);
  return header;
}

struct KnownFile {
  std::string_view magic;
  std::string_view what;
};

constexpr KnownFile kKnownFiles[] = {
    {"\x1f\x8b"sv, "is a gzip file"},
    {"\x28\xb5\x2f\xfd"sv, "is a zstd file"},
    {"PK\x03\x04"sv, "is a zip file"},
    {"\x37\x7f\x06\x82"sv, "is a write-ahead log (-wal), not the database beside it"},
    {"\x37\x7f\x06\x83"sv, "is a write-ahead log (-wal), not the database beside it"},
    {"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"sv, "is a rollback journal (-journal), not the database beside it"},
    {"** This file contains an SQLite 2"sv, "is a SQLite 2 database"},
};

bool is_text(Bytes data) {
  return std::ranges::all_of(data, [](std::byte b) {
    const auto c = std::to_integer<unsigned char>(b);
    return c >= 0x20 ? c != 0x7f : (c == '\n' || c == '\r' || c == '\t');
  });
}

// Pearson's test against evenly spread bytes. For 256 bytes and more of ciphertext it is 255 on average,
// above 400 in fewer than one of 10^7 cases; pages of a database give thousands.
bool looks_random(Bytes data) {
  constexpr std::size_t kFewest = 256;
  constexpr double kMost = 400;
  if (data.size() < kFewest) return false;
  std::array<std::uint32_t, 256> counts{};
  for (const std::byte b : data) ++counts[std::to_integer<std::size_t>(b)];
  const double expected = static_cast<double>(data.size()) / 256;
  double sum = 0;
  for (const std::uint32_t count : counts) {
    const double difference = count - expected;
    sum += difference * difference / expected;
  }
  return sum <= kMost;
}

}  // namespace

std::optional<std::uint32_t> DatabaseHeader::page_count() const {
  if (stored_page_count == 0 || change_counter != version_valid_for) return std::nullopt;
  return stored_page_count;
}

AutoVacuum DatabaseHeader::auto_vacuum() const {
  if (largest_root_page.value == 0) return AutoVacuum::kNone;
  return incremental_vacuum ? AutoVacuum::kIncremental : AutoVacuum::kFull;
}

std::string DatabaseHeader::sqlite_version_text() const {
  return fmt::format("{}.{}.{}", sqlite_version / 1'000'000, sqlite_version / 1000 % 1000,
                     sqlite_version % 1000);
}

std::expected<DatabaseHeader, Malformed> parse_database_header(Bytes data) {
  if (data.size() < kDatabaseHeaderBytes) {
    return malformed(data.size(),
                     fmt::format("database header has {} bytes of {}", data.size(), kDatabaseHeaderBytes),
                     Malformed::Kind::kTruncated);
  }
  if (text_of(data.first(kMagic.size())) != kMagic)
    return malformed(0, "does not begin with \"SQLite format 3\"");
  const DatabaseHeader header = decode(data);
  if (!valid_page_size(header.page_size)) {
    return malformed(16,
                     fmt::format("page size is {}, not a power of two from 512 to 65536", header.page_size));
  }
  if (header.read_version > 2) {
    return malformed(19, fmt::format("read version is {}, 1 and 2 are known", header.read_version),
                     Malformed::Kind::kUnsupported);
  }
  if (header.usable_bytes() < kLeastUsableBytes) {
    return malformed(20, fmt::format("{} reserved bytes leave {} usable ones of a page, fewer than {}",
                                     header.reserved_bytes, header.usable_bytes(), kLeastUsableBytes));
  }
  if (load_u8(data, 21) != 64 || load_u8(data, 22) != 32 || load_u8(data, 23) != 32) {
    return malformed(21, fmt::format("payload fractions are {}, {}, {}, not 64, 32, 32", load_u8(data, 21),
                                     load_u8(data, 22), load_u8(data, 23)));
  }
  return header;
}

std::optional<std::string> looks_encrypted_or_not_a_database(Bytes beginning) {
  const std::string_view text = text_of(beginning);
  if (beginning.empty() || text.starts_with(kMagic)) return std::nullopt;
  for (const KnownFile& known : kKnownFiles) {
    if (text.starts_with(known.magic)) return std::string(known.what);
  }
  if (std::ranges::all_of(beginning, [](std::byte b) { return b == std::byte{0}; })) {
    return fmt::format("begins with {} bytes of zeros: its first page was wiped or never written",
                       beginning.size());
  }
  if (is_text(beginning)) return "is a text file";
  if (beginning.size() < kDatabaseHeaderBytes) {
    return fmt::format("has {} bytes, fewer than a database's header", beginning.size());
  }
  if (looks_random(beginning)) {
    return "looks encrypted: its bytes are evenly spread (SQLCipher or another encrypting extension)";
  }
  return "is not a SQLite database: it does not begin with \"SQLite format 3\"";
}

}  // namespace litewright
