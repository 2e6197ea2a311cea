#include "store/open_store.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/error.h"
#include "store/directory_store.h"

namespace litewright {

std::unique_ptr<ObjectStore> open_store(const std::string& archive) {
  constexpr std::string_view kFile = "file://";
  if (archive.starts_with(kFile)) return std::make_unique<DirectoryStore>(archive.substr(kFile.size()));
  if (const auto scheme = archive.find("://"); scheme != std::string::npos) {
    throw Error(ErrorCode::kUsage, fmt::format("no driver for {} archives", archive.substr(0, scheme)),
                "--archive takes a folder: --archive /backup/app");
  }
  return std::make_unique<DirectoryStore>(std::filesystem::absolute(archive).lexically_normal().string());
}

}  // namespace litewright
