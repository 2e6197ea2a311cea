// A database and the -wal or -journal that a crash left beside it, as one file.
#pragma once

#include <filesystem>
#include <memory>

#include "base/durable_file.h"

namespace litewright {

// The state of `database` with its companions taken in, made by SQLite on a copy; the companions laid over it
// once more give the same state. Nobody may have it open. Nothing where no companion holds anything, or where
// SQLite takes the file for no database: then there is nothing to take in. Throws where the copy can't be
// made: out of space, no permission.
std::unique_ptr<DurableFile> fold_companions(const std::filesystem::path& database);

}  // namespace litewright
