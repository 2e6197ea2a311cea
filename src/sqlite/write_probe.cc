#include "sqlite/write_probe.h"

#include <sqlite3.h>
#include <unistd.h>

#include "sqlite/connection.h"

namespace litewright {

WriteProbe probe_writing(const std::string& path, std::chrono::milliseconds patience) {
  const bool has_wal = ::access((path + "-wal").c_str(), F_OK) == 0;
  Connection connection(path, ConnectionOptions{.mode = OpenMode::kReadWrite, .busy_timeout = patience});
  // Where none is there SQLite makes one, and the close takes it away again.
  if (has_wal) sqlite3_db_config(connection.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  connection.query_integer("PRAGMA schema_version");  // without parsing the schema (FACTS 32)
  WriteProbe probe = {.journal_mode = connection.query_text("PRAGMA journal_mode")};
  const Transaction write(connection, Transaction::Kind::kWrite);
  return probe;
}

}  // namespace litewright
