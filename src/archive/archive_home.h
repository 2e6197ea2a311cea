// Whose archive it is: archive.json names the database that its commits are of. Another one's among them
// would be restored as the first one's.
#pragma once

#include <string>

#include "archive/catalogue.h"

namespace litewright {

// Throws Error{kUsage} where the archive is of another file that is still there. The same file by another
// name is fine (a link, a mount), and so is a file that was moved, or an archive that was: where the recorded
// path leads nowhere, or the archive lies at the database's own default place. What can't be read here is
// left to whoever opens the archive.
void require_archive_of(const ObjectStore& store, const std::string& database);

// Where the database or its archive was moved the record follows; throws as require_archive_of(). A store
// that does not take it keeps the old one until the next time.
void let_record_follow(ObjectStore& store, ArchiveIdentity& identity, const std::string& database);

}  // namespace litewright
