#include "store/open_store.h"

#include <fmt/format.h>

#include <filesystem>
#include <string_view>

#include "base/error.h"
#include "store/directory_store.h"

namespace litewright {

namespace {
constexpr std::string_view kFile = "file://";
}

void require_store_driver(const std::string& archive) {
  if (archive.empty() || archive == kFile)
    throw Error(ErrorCode::kUsage, "an archive without a name", "it is a folder: /backup/app");
  if (archive.starts_with(kFile)) return;
  if (const auto scheme = archive.find("://"); scheme != std::string::npos) {
    throw Error(ErrorCode::kUsage, fmt::format("no driver for {} archives", archive.substr(0, scheme)),
                "an archive is a folder: /backup/app");
  }
}

std::unique_ptr<ObjectStore> open_store(const std::string& archive) {
  require_store_driver(archive);
  if (archive.starts_with(kFile)) return std::make_unique<DirectoryStore>(archive.substr(kFile.size()));
  return std::make_unique<DirectoryStore>(std::filesystem::absolute(archive).lexically_normal().string());
}

}  // namespace litewright
