#include "archive/archive_home.h"

#include <fmt/format.h>

#include <filesystem>
#include <span>

#include "archive/documents.h"
#include "base/error.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

enum class Home {
  kOwn,      // the database's, by this name or another
  kMoved,    // the record is to follow
  kAnother,  // another database's
};

Home home_of(const ObjectStore& store, const std::string& recorded, const std::string& database) {
  if (recorded == database || !fs::path(recorded).is_absolute()) return Home::kOwn;
  std::error_code failure;
  const fs::file_status there = fs::status(recorded, failure);
  if (there.type() == fs::file_type::not_found) return Home::kMoved;
  if (!fs::is_regular_file(there) || fs::equivalent(recorded, database, failure)) return Home::kOwn;
  // A folder that was copied with database and archive: nobody else's archive lies at that place.
  return fs::equivalent(store.describe(), database + "-archive", failure) ? Home::kMoved : Home::kAnother;
}

Error another_ones(const ObjectStore& store, const std::string& recorded, const std::string& database) {
  return {ErrorCode::kUsage,
          fmt::format("{} is the archive of {}, not of {}", store.describe(), recorded, database),
          fmt::format("give each database an archive of its own (--archive); where {} took that one's place, "
                      "move {} away first",
                      database, recorded)};
}

}  // namespace

void require_archive_of(const ObjectStore& store, const std::string& database) {
  std::string recorded;
  try {
    const std::string object(kIdentityObject);
    recorded = parse_identity(read_object(store, object, kMaxDocumentBytes), object).database;
  } catch (const Error&) {
    return;
  }
  if (home_of(store, recorded, database) == Home::kAnother) throw another_ones(store, recorded, database);
}

void let_record_follow(ObjectStore& store, ArchiveIdentity& identity, const std::string& database) {
  const Home home = home_of(store, identity.database, database);
  if (home == Home::kAnother) throw another_ones(store, identity.database, database);
  if (home == Home::kOwn) return;
  identity.database = database;
  const std::string document = identity_document(identity);
  try {
    store.replace(kIdentityObject, std::as_bytes(std::span(document)));
  } catch (const Error&) {
    // Nothing depends on it but a name to show.
  }
}

}  // namespace litewright
