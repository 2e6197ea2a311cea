#include "archive/documents.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "archive/sealed_document.h"
#include "base/json_text.h"
#include "base/time_text.h"

namespace litewright {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxPointName = 64;
constexpr std::size_t kIdDigits = 32;

Error damaged(std::string_view object, const std::string& what) {
  return Error(ErrorCode::kDamaged, fmt::format("{}: {}", object, what));
}

std::string text_field(const Json& json, const char* key, std::string_view object) {
  const auto field = json.find(key);
  if (field == json.end() || !field->is_string()) {
    throw damaged(object, fmt::format("field \"{}\" is missing or no text", key));
  }
  return field->get<std::string>();
}

std::uint64_t number_field(const Json& json, const char* key, std::string_view object) {
  const auto field = json.find(key);
  if (field == json.end() || !field->is_number_unsigned()) {
    throw damaged(object, fmt::format("field \"{}\" is missing or no whole number", key));
  }
  return field->get<std::uint64_t>();
}

WallTime time_field(const Json& json, const char* key, std::string_view object) {
  const std::string text = text_field(json, key, object);
  try {
    // Read as strictly as it is written: parse_time() alone would take "yesterday 18:00".
    const WallTime time = parse_time(text, WallTime{});
    if (format_utc_time(time) == text) return time;
  } catch (const Error&) {
    // Falls through: said in the document's own terms.
  }
  throw damaged(object, fmt::format("field \"{}\" is no UTC time with nanoseconds", key));
}

bool is_id(const std::string& text) {
  return text.size() == kIdDigits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

double seconds_field(const Json& json, const char* key, std::string_view object) {
  const auto field = json.find(key);
  if (field == json.end() || !field->is_number() || !(field->get<double>() >= 0)) {
    throw damaged(object, fmt::format("field \"{}\" is missing or no number of seconds", key));
  }
  return field->get<double>();
}

Checksum128 checksum_field(const Json& json, const char* key, std::string_view object) {
  const std::string text = text_field(json, key, object);
  Checksum128 sum;
  const char* middle = text.data() + text.size() / 2;
  const bool read =
      is_id(text) && std::from_chars(text.data(), middle, sum.high, 16).ptr == middle &&
      std::from_chars(middle, text.data() + text.size(), sum.low, 16).ptr == text.data() + text.size();
  if (!read) throw damaged(object, fmt::format("field \"{}\" is not 32 hexadecimal digits", key));
  return sum;
}

std::vector<std::string> texts_field(const Json& json, const char* key, std::string_view object) {
  std::vector<std::string> texts;
  const auto field = json.find(key);
  for (const Json& text : field != json.end() && field->is_array() ? *field : Json::array()) {
    if (text.is_string()) texts.push_back(text.get<std::string>());
  }
  if (field == json.end() || texts.size() != field->size()) {
    throw damaged(object, fmt::format("field \"{}\" is missing or no list of texts", key));
  }
  return texts;
}

// A format of the future may be sealed in another way or not at all: it is told before the seal is asked for.
// Where there is one, it goes first: a damaged number is no future.
void check_format(const std::string& text, std::string_view object) {
  const Json json = parse_ordered_json(text);
  if (!json.is_object() || look_at_seal(text) == Seal::kBroken) return;
  const std::uint64_t format = number_field(json, "format", object);
  if (format == static_cast<std::uint64_t>(kArchiveFormat)) return;
  if (format == 0) throw damaged(object, "format 0 does not exist");
  throw FutureFormat(ErrorCode::kDamaged,
                     fmt::format("{}: format {} was made by a newer litewright; this one knows format {}",
                                 object, format, kArchiveFormat),
                     "upgrade litewright, then try again");
}

}  // namespace

std::string identity_document(const ArchiveIdentity& identity) {
  return seal_document(Json{{"format", identity.format},
                            {"id", identity.id},
                            {"database", identity.database},
                            {"created", format_utc_time(identity.created)}});
}

std::string point_document(const NamedPoint& point) {
  return seal_document(
      Json{{"name", point.name}, {"txid", point.txid.value}, {"created", format_utc_time(point.created)}});
}

std::string proof_document(const RestoreProof& proof) {
  return seal_document(Json{{"txid", proof.txid.value},
                            {"checksum", proof.checksum.hex()},
                            {"proven", format_utc_time(proof.proven_at)},
                            {"restore_seconds", proof.restore_time.count()},
                            {"bytes", proof.bytes},
                            {"bytes_read", proof.bytes_read},
                            {"checks", proof.checks},
                            {"host", proof.host}});
}

std::string retired_document(const std::string& archive_id, Txid before) {
  return seal_document(Json{{"id", archive_id}, {"before", before.value}});
}

Txid parse_retired(const std::string& text, std::string_view object, const std::string& archive_id) {
  const Json json = open_sealed_document(text, object);
  const Txid before(number_field(json, "before", object));
  if (!archive_id.empty() && text_field(json, "id", object) != archive_id) {
    throw damaged(object, "is of another archive");
  }
  return before;
}

ArchiveIdentity parse_identity(const std::string& text, std::string_view object) {
  check_format(text, object);
  const Json json = open_sealed_document(text, object);
  ArchiveIdentity identity{.format = kArchiveFormat,
                           .id = text_field(json, "id", object),
                           .database = text_field(json, "database", object),
                           .created = time_field(json, "created", object)};
  if (!is_id(identity.id)) throw damaged(object, "field \"id\" is not 32 hexadecimal digits");
  return identity;
}

NamedPoint parse_point(const std::string& text, std::string_view object) {
  const Json json = open_sealed_document(text, object);
  NamedPoint point{.name = text_field(json, "name", object),
                   .txid = Txid(number_field(json, "txid", object)),
                   .created = time_field(json, "created", object)};
  if (!valid_point_name(point.name) || point_object(point.name) != object) {
    throw damaged(object, "field \"name\" is not the object's own");
  }
  if (point.txid.value == 0) throw damaged(object, "commit 0 does not exist");
  return point;
}

RestoreProof parse_proof(const std::string& text, std::string_view object) {
  const Json json = open_sealed_document(text, object);
  RestoreProof proof{
      .txid = Txid(number_field(json, "txid", object)),
      .checksum = checksum_field(json, "checksum", object),
      .proven_at = time_field(json, "proven", object),
      .restore_time = std::chrono::duration<double>(seconds_field(json, "restore_seconds", object)),
      .bytes = number_field(json, "bytes", object),
      .bytes_read = number_field(json, "bytes_read", object),
      .checks = texts_field(json, "checks", object),
      .host = text_field(json, "host", object)};
  if (proof_object(proof) != object) {
    throw damaged(object, "fields \"txid\" and \"proven\" are not what it is named after");
  }
  return proof;
}

bool valid_point_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kMaxPointName && std::ranges::all_of(name, allowed) &&
         name.find_first_not_of('.') != std::string_view::npos;
}

std::string point_object(std::string_view name) { return fmt::format("{}{}.json", kPointFolder, name); }

std::string proof_object(const RestoreProof& proof) {
  std::string when = format_utc_time(proof.proven_at);
  std::erase_if(when, [](char c) { return c == '-' || c == ':'; });
  return fmt::format("{}{:016}-{}.json", kProofFolder, proof.txid.value, when);
}

}  // namespace litewright
