// A plain copy read back, whatever its form, whoever made it: what is in it, and where asked for the database
// that it holds.
#pragma once

#include <filesystem>
#include <optional>

#include "archive/copy_name.h"
#include "archive/copy_pages.h"
#include "archive/copy_record.h"
#include "base/durable_file.h"

namespace litewright {

struct UnpackedCopy {
  CopyForm form = CopyForm::kDb;                   // by its content, not by its name
  std::uint64_t file_bytes = 0;                    // of the copy
  std::uint64_t file_checksum = 0;                 // XXH3-64 of it
  PagesSummary pages;                              // of the database; for SQL: as it was loaded
  std::optional<std::uint64_t> content_hash = {};  // of SQL
  std::optional<std::uint64_t> rows = {};
};

// Reads all of `copy`. Its database goes into `out`, whose file must be empty; null: nowhere, then SQL can't
// be unpacked (Error{kInternal}). SQL is executed, confined to that file (sqlite/sql_script.h). Throws
// Error{kDamaged} where the copy can't be read to its end.
UnpackedCopy unpack_copy(const std::filesystem::path& copy, DurableFile* out, const CopyProgress& progress);
// The same of an open file, for one that has no name yet.
UnpackedCopy unpack_copy(int fd, const std::filesystem::path& copy, DurableFile* out,
                         const CopyProgress& progress);

// Throws Error{kDamaged} where `copy` is not what its record says.
void hold_against_record(const UnpackedCopy& copy, const CopyRecord& record,
                         const std::filesystem::path& path);

// The pages of the database file that `fd` is; `sink` gets them too, where there is one.
PagesSummary read_database_file(int fd, const std::string& name, ByteSink* sink,
                                const CopyProgress& progress);

}  // namespace litewright
