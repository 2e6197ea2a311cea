#include "serve/own_answers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json_text.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

constexpr int kFirstFailure = 64;

nlohmann::json last_line_of(const std::string& output) {
  const std::size_t end = output.find_last_not_of('\n');
  if (end == std::string::npos) return {};
  const std::size_t before = output.rfind('\n', end);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  return parse_json(output.substr(begin, end - begin + 1));
}

std::string text_in(const nlohmann::json& document, const char* key) {
  const auto found = document.is_object() ? document.find(key) : document.end();
  return found != document.end() && found->is_string() ? found->get<std::string>() : "";
}

ErrorCode code_of(int status) {
  constexpr ErrorCode kKnown[] = {
      ErrorCode::kUsage,      ErrorCode::kDamaged,    ErrorCode::kNoDatabase,
      ErrorCode::kLocked,     ErrorCode::kCantCreate, ErrorCode::kStoreUnreachable,
      ErrorCode::kPermission, ErrorCode::kConfig,     ErrorCode::kIo};
  const auto* found =
      std::ranges::find_if(kKnown, [status](ErrorCode code) { return static_cast<int>(code) == status; });
  return found == std::end(kKnown) ? ErrorCode::kInternal : *found;
}

// For a header, and for any file system.
std::string plain_name(std::string name) {
  std::ranges::replace_if(
      name, [](unsigned char c) { return !std::isalnum(c) && c != '.' && c != '-' && c != '_'; }, '_');
  return name;
}

// A folder for one restore; gone with all that is left in it when the answer is made.
class RestoreFolder {
 public:
  explicit RestoreFolder(const std::string& parent) : path_(parent + "/restore-XXXXXX") {
    std::error_code ignored;
    fs::create_directories(parent, ignored);
    if (::mkdtemp(path_.data()) == nullptr) throw error_from_errno(errno, "make a folder in " + parent);
  }
  ~RestoreFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  RestoreFolder(const RestoreFolder&) = delete;
  RestoreFolder& operator=(const RestoreFolder&) = delete;
  std::string file() const { return path_ + "/restored.db"; }

 private:
  std::string path_;
};

}  // namespace

CommandSlots::Slot::Slot(CommandSlots& slots) : slots_(slots) {
  if (--slots_.free_ >= 0) return;
  ++slots_.free_;
  throw Error(ErrorCode::kLocked, "too many commands run already", "ask again in a while");
}

void require_success(const OwnCommand& command, const OwnCommandResult& result) {
  const std::string name = command.words.empty() ? "" : command.words[0];
  if (result.over_time) throw Error(ErrorCode::kIo, fmt::format("litewright {} took too long", name));
  if (result.over_output) throw Error(ErrorCode::kIo, fmt::format("litewright {} said too much", name));
  if (result.stopped) throw Error(ErrorCode::kLocked, fmt::format("litewright {} was stopped", name));
  if (result.status < kFirstFailure) return;
  const nlohmann::json said = last_line_of(result.output);
  const std::string message = text_in(said, "message");
  throw Error(code_of(result.status),
              message.empty() ? fmt::format("litewright {} ended with {}", name, result.status) : message,
              text_in(said, "hint"));
}

HttpAnswer answer_of_command(const RunOwnCommand& run, const OwnCommand& command) {
  OwnCommandResult result = run(command);
  require_success(command, result);
  HttpAnswer answer;
  answer.body = std::move(result.output);
  return answer;
}

HttpAnswer answer_of_restore(const RunOwnCommand& run, const RestoreWish& wish, const std::string& folder) {
  const RestoreFolder place(folder);
  OwnCommand command = {.words = {"restore", wish.path, "-o", place.file(), "--json"},
                        .time_limit = std::chrono::hours(2)};
  if (!wish.archive.empty()) command.words.insert(command.words.end(), {"--archive", wish.archive});
  command.words.insert(command.words.end(), wish.point.begin(), wish.point.end());
  const OwnCommandResult result = run(command);
  require_success(command, result);
  HttpAnswer answer;
  answer.type = "application/vnd.sqlite3";
  answer.file = open_file(place.file(), O_RDONLY);
  struct stat status = {};
  if (::fstat(answer.file.get(), &status) != 0) throw error_from_errno(errno, "stat " + place.file());
  answer.file_bytes = static_cast<std::uint64_t>(status.st_size);
  answer.headers.emplace_back("Content-Disposition",
                              fmt::format("attachment; filename=\"{}\"", plain_name(wish.name)));
  const nlohmann::json said = last_line_of(result.output);
  if (said.is_object() && said.contains("txid"))
    answer.headers.emplace_back("Litewright-Txid", json_text(said["txid"]));
  if (said.is_object() && said.contains("checksum"))
    answer.headers.emplace_back("Litewright-Checksum", text_in(said, "checksum"));
  return answer;
}

}  // namespace litewright
