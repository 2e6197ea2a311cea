#include "operate/folded_database.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <system_error>

#include "base/error.h"
#include "base/file_copy_linux.h"
#include "base/file_descriptor.h"
#include "sqlite/connection.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 2> kCompanions = {"-wal", "-journal"};

fs::path companion(const fs::path& database, const char* suffix) { return database.string() + suffix; }

bool holds_something(const fs::path& file) {
  std::error_code failure;
  const fs::file_status status = fs::status(file, failure);
  if (!fs::exists(status)) return false;
  return !fs::is_regular_file(status) || fs::file_size(file) > 0;
}

// The copies of the companions; what SQLite makes of them goes with this.
class Companions {
 public:
  Companions(const fs::path& database, const fs::path& copy) : copy_(copy) {
    try {
      for (const char* suffix : kCompanions) {
        const fs::path from = companion(database, suffix);
        if (!holds_something(from)) continue;
        const fs::path to = companion(copy, suffix);
        const FileDescriptor file = open_file(to, O_WRONLY | O_CREAT | O_EXCL);
        copy_file_content(from, file.get(), to);
      }
    } catch (...) {
      remove();
      throw;
    }
  }
  ~Companions() { remove(); }
  Companions(Companions&&) = delete;
  Companions& operator=(Companions&&) = delete;

 private:
  void remove() const {
    for (const char* suffix : {"-wal", "-journal", "-shm"}) ::unlink(companion(copy_, suffix).c_str());
  }

  fs::path copy_;
};

}  // namespace

std::unique_ptr<DurableFile> fold_companions(const fs::path& database) {
  std::error_code failure;
  if (!fs::exists(database, failure)) return nullptr;
  bool any = false;
  for (const char* suffix : kCompanions) any = any || holds_something(companion(database, suffix));
  if (!any) return nullptr;
  auto folded = std::make_unique<DurableFile>(database, 0600);
  copy_file_content(database, folded->fd(), folded->temporary());
  const Companions companions(database, folded->temporary());
  try {
    Connection connection(folded->temporary().string(), {.hot_journal = HotJournal::kLeaveToCaller});
    connection.query_integer(
        "PRAGMA schema_version");  // rolls a hot journal back, without parsing (FACTS 32)
    if (connection.query_integer("PRAGMA wal_checkpoint(TRUNCATE)") != 0) {
      throw Error(ErrorCode::kIo, "what " + database.string() + "-wal holds could not be copied back");
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
    return nullptr;
  }
  return folded;
}

}  // namespace litewright
