// The archive's small JSON documents: archive.json, retired.json, points/<name>.json,
// proofs/<txid>-<when>.json. Fields: docs/formats/archive.md.
#pragma once

#include <string>
#include <string_view>

#include "archive/catalogue.h"
#include "base/error.h"

namespace litewright {

inline constexpr std::string_view kIdentityObject = "archive.json";
inline constexpr std::string_view kRetiredObject = "retired.json";
inline constexpr std::string_view kPointFolder = "points/";
inline constexpr std::string_view kProofFolder = "proofs/";
inline constexpr std::string_view kSegmentFolder = "segments/";
inline constexpr std::string_view kDamagedFolder = "damaged/";  // what had to make place, as it was
inline constexpr int kArchiveFormat = 1;
inline constexpr std::uint64_t kMaxDocumentBytes = 64 << 10;

std::string identity_document(const ArchiveIdentity& identity);
std::string point_document(const NamedPoint& point);
std::string proof_document(const RestoreProof& proof);

std::string retired_document(const std::string& archive_id, Txid before);

// Throw Error{kDamaged} where the text is not such a document; `object` names it in the message. A format of
// the future has a hint to upgrade.
ArchiveIdentity parse_identity(const std::string& text, std::string_view object);
NamedPoint parse_point(const std::string& text, std::string_view object);
// Of the archive `archive_id`; empty: of whichever.
Txid parse_retired(const std::string& text, std::string_view object, const std::string& archive_id);
RestoreProof parse_proof(const std::string& text, std::string_view object);

// Letters, digits, '.', '_', '-', not only dots; 1 to 64 of them.
bool valid_point_name(std::string_view name);
std::string point_object(std::string_view name);
// "proofs/0000000000001234-20261120T130305.000000000Z.json": one a commit and nanosecond.
std::string proof_object(const RestoreProof& proof);

// An archive.json of a format that this program does not know, as opposed to a damaged one.
class FutureFormat : public Error {
 public:
  using Error::Error;
};

}  // namespace litewright
