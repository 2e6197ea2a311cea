// The whole of a file as another's content, sharing its blocks where the file system can (reflink). Linux.
#pragma once

#include <filesystem>

namespace litewright {

// Fills the empty file `to` (a descriptor open for writing) with what `from` holds; not synced. Throws
// Error{kUsage} where `from` is no regular file, else by error_from_errno. Not for a database that this
// process has open (FACTS 7).
void copy_file_content(const std::filesystem::path& from, int to, const std::filesystem::path& to_name);

}  // namespace litewright
