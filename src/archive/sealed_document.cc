#include "archive/sealed_document.h"

#include <fmt/format.h>

#include <span>

#include "base/checksum.h"
#include "base/error.h"
#include "base/json_text.h"

namespace litewright {

namespace {

constexpr std::string_view kBefore = ",\n  \"seal\": \"";
constexpr std::string_view kAfter = "\"\n}\n";
constexpr std::size_t kDigits = 16;
constexpr std::size_t kSealBytes = kBefore.size() + kDigits + kAfter.size();

std::string seal_of(std::string_view body) {
  return fmt::format("{}{:016x}{}", kBefore, checksum64(std::as_bytes(std::span(body))), kAfter);
}

}  // namespace

std::string seal_document(const nlohmann::ordered_json& document) {
  std::string text = indented_json_text(document);
  text.resize(text.size() - 2);  // the line break and the brace
  return text + seal_of(text);
}

Seal look_at_seal(std::string_view text) {
  if (text.size() <= kSealBytes) return Seal::kNone;
  const std::string_view body = text.substr(0, text.size() - kSealBytes);
  const std::string_view seal = text.substr(body.size());
  if (seal == seal_of(body)) return Seal::kHolds;
  return seal.starts_with(kBefore) ? Seal::kBroken : Seal::kNone;
}

nlohmann::ordered_json open_sealed_document(const std::string& text, std::string_view object) {
  const auto damaged = [&](const char* what) {
    return Error(ErrorCode::kDamaged, fmt::format("{}: {}", object, what));
  };
  auto document = parse_ordered_json(text);
  if (!document.is_object()) throw damaged("not a JSON object");
  switch (look_at_seal(text)) {
    case Seal::kHolds:
      break;
    case Seal::kBroken:
      throw damaged("its checksum is not the recorded one");
    case Seal::kNone:
      throw damaged("its checksum is missing");
  }
  document.erase("seal");
  return document;
}

}  // namespace litewright
