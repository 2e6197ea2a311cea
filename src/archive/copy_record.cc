#include "archive/copy_record.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/durable_file.h"
#include "base/error.h"
#include "base/json_text.h"
#include "base/shell_words.h"
#include "base/time_text.h"

namespace litewright {
namespace {

constexpr const char* kSchema = "litewright/copy/1";
constexpr std::uint64_t kLargestRecord = 1u << 20;

using Json = nlohmann::ordered_json;

std::uint64_t parse_hex(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.size() != 16 || failed != std::errc{} || end != text.data() + text.size()) {
    throw Error(ErrorCode::kDamaged, fmt::format("'{}' is not 16 hexadecimal digits", text));
  }
  return value;
}

}  // namespace

Json record_to_json(const CopyRecord& record) {
  Json json = {{"schema", kSchema},
               {"database", record.database},
               {"form", std::string(suffix_of(record.form).substr(1))},
               {"label", record.label},
               {"taken_at", format_utc_time(record.taken_at)},
               {"bytes", record.file_bytes},
               {"file_checksum", fmt::format("{:016x}", record.file_checksum)},
               {"page_size", record.page_size},
               {"pages", record.pages}};
  if (!record.tables.empty()) json["tables"] = record.tables;
  if (record.checksum) json["checksum"] = record.checksum->hex();
  if (record.content_hash) json["content_hash"] = fmt::format("{:016x}", *record.content_hash);
  if (record.rows) json["rows"] = *record.rows;
  json["verified"] = record.verified_at.has_value();
  if (record.verified_at) {
    json["verified_at"] = format_utc_time(*record.verified_at);
    json["check"] = record.check;
  }
  return json;
}

CopyRecord record_from_json(const std::string& text) {
  try {
    const auto json = parse_json(text);
    if (json.at("schema") != kSchema) {
      throw Error(ErrorCode::kDamaged,
                  fmt::format("schema {} is not {}", json_text(json.at("schema")), kSchema));
    }
    CopyRecord record{.database = json.at("database").get<std::string>(),
                      .form = parse_form(json.at("form").get<std::string>()),
                      .label = json.at("label").get<std::string>(),
                      .tables = json.value("tables", std::vector<std::string>{}),
                      .taken_at = parse_time(json.at("taken_at").get<std::string>(), WallTime{}),
                      .file_bytes = json.at("bytes").get<std::uint64_t>(),
                      .file_checksum = parse_hex(json.at("file_checksum").get<std::string>()),
                      .page_size = json.at("page_size").get<std::uint32_t>(),
                      .pages = json.at("pages").get<std::uint32_t>()};
    if (json.contains("checksum")) {
      const std::string hex = json["checksum"].get<std::string>();
      if (hex.size() != 32) throw Error(ErrorCode::kDamaged, "the checksum has not 32 digits");
      record.checksum = Checksum128{.low = parse_hex(hex.substr(16)), .high = parse_hex(hex.substr(0, 16))};
    }
    if (json.contains("content_hash"))
      record.content_hash = parse_hex(json["content_hash"].get<std::string>());
    if (json.contains("rows")) record.rows = json["rows"].get<std::uint64_t>();
    if (json.at("verified").get<bool>()) {
      record.verified_at = parse_time(json.at("verified_at").get<std::string>(), WallTime{});
      record.check = json.at("check").get<std::string>();
    }
    return record;
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorCode::kDamaged, error.what());
  } catch (const Error& error) {
    throw Error(ErrorCode::kDamaged, error.what());
  }
}

std::filesystem::path record_path(const std::filesystem::path& copy) { return copy.string() + ".json"; }

void write_record(const std::filesystem::path& copy, const CopyRecord& record) {
  const std::string text = indented_json_text(record_to_json(record)) + "\n";
  struct stat status{};
  const mode_t mode = ::stat(copy.c_str(), &status) == 0 ? status.st_mode & 0666 : 0600;
  write_file_durably(record_path(copy), bytes_of(text), mode);
}

std::optional<CopyRecord> read_record(const std::filesystem::path& copy) {
  const std::filesystem::path path = record_path(copy);
  std::error_code missing;
  if (!std::filesystem::is_regular_file(path, missing)) return std::nullopt;
  try {
    return record_from_json(read_whole_file(path, kLargestRecord));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
    throw Error(ErrorCode::kDamaged, fmt::format("{}: not a copy's record: {}", path.string(), error.what()),
                "remove it; the copy itself may be sound: litewright verify " + shell_quoted(copy.string()));
  }
}

}  // namespace litewright
