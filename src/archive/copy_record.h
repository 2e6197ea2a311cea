// What is known of a plain copy: written beside it as COPY.json when it was made and verified. A copy without
// its record stays a copy; it is only not known to be whole until it is read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "archive/copy_name.h"
#include "base/checksum.h"
#include "base/clock.h"

namespace litewright {

struct CopyRecord {
  std::string database = {};  // the file it was made from
  CopyForm form = CopyForm::kDb;
  std::string label = {};
  std::vector<std::string> tables = {};  // only these; empty: the whole database
  WallTime taken_at{};                   // the snapshot's
  std::uint64_t file_bytes = 0;          // of the copy as it lies there
  std::uint64_t file_checksum = 0;       // XXH3-64 of them
  std::uint32_t page_size = 0;           // of the database in it (.sql: of the one that it was checked with)
  std::uint32_t pages = 0;
  // .db forms: the whole-database checksum, as the archive has one for each commit.
  std::optional<Checksum128> checksum = {};
  // .sql forms and copies of some tables: content_hash.h's, and the rows in it.
  std::optional<std::uint64_t> content_hash = {};
  std::optional<std::uint64_t> rows = {};
  std::string check = {};  // what it passed: "quick_check", "integrity_check"; empty: it was not verified
  std::optional<WallTime> verified_at = {};
};

// docs/formats/plain-copy.md
nlohmann::ordered_json record_to_json(const CopyRecord& record);
// Throws Error{kDamaged} where it is no record.
CopyRecord record_from_json(const std::string& text);

std::filesystem::path record_path(const std::filesystem::path& copy);
void write_record(const std::filesystem::path& copy, const CopyRecord& record);
// nullopt where there is none. Throws Error{kDamaged} where it can't be understood.
std::optional<CopyRecord> read_record(const std::filesystem::path& copy);

}  // namespace litewright
