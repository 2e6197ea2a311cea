// The archive's small JSON documents (archive.json, points/…, owner.json) carry a checksum of themselves, so
// that a byte that changed on the disk is damage, and never another txid or another database's id.
//
// On disk: the document, indented by 2, then as its last field "seal": 16 lower-case hexadecimal digits,
// XXH3-64 of all bytes before the comma that comes before it. docs/formats/archive.md.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace litewright {

// The text of a document with at least one field. Bytes that are not UTF-8 become U+FFFD.
std::string seal_document(const nlohmann::ordered_json& document);

// What a text says of its own seal.
enum class Seal { kHolds, kBroken, kNone };
Seal look_at_seal(std::string_view text);

// The document, without its seal. Throws Error{kDamaged}, which begins with `object`, where the text is no
// JSON object or its seal is missing or does not hold.
nlohmann::ordered_json open_sealed_document(const std::string& text, std::string_view object);

}  // namespace litewright
