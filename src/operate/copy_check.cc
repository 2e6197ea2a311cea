#include "operate/copy_check.h"

#include <fmt/format.h>

#include "base/error.h"
#include "sqlite/connection.h"

namespace litewright {

const char* check_name(CopyCheck check) {
  switch (check) {
    case CopyCheck::kQuick:
      return "quick_check";
    case CopyCheck::kFull:
      return "integrity_check";
    default:
      return "";
  }
}

void check_database_file(const std::filesystem::path& file, CopyCheck check) {
  if (check == CopyCheck::kNone) return;
  Connection connection(file.string(), ConnectionOptions{.mode = OpenMode::kImmutable});
  for (const char* pragma : {"PRAGMA mmap_size=0", "PRAGMA cell_size_check=ON"}) connection.execute(pragma);
  if (check == CopyCheck::kQuick) connection.accept_unknown_collations();  // it does not compare indexes
  const std::string verdict = connection.query_text(fmt::format("PRAGMA {}(1)", check_name(check)));
  if (verdict == "ok") return;
  throw Error(ErrorCode::kDamaged, fmt::format("{} says: {}", check_name(check), verdict));
}

}  // namespace litewright
