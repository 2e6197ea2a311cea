// Values of keys in the form in which two that SQLite's foreign keys take for equal give the same number.
//
// A child's value is converted by the affinity of the parent's column and compared by its collation. Numbers
// are one kind, whole ones as integers whatever they are stored as; text is folded by its collation. Where
// the conversion is SQLite's business (text that looks like a fraction against a number, a fraction against
// text) the answer is kUndecided: such rows are asked about by SQL, one by one.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "check/schema_map.h"
#include "format/record.h"

namespace litewright {

enum class KeyState : std::uint8_t {
  kMade,
  kNull,       // the row points at nothing, and that is fine
  kNoMatch,    // no parent can have this value
  kUndecided,  // only SQLite knows
};

struct KeyNumber {
  KeyState state = KeyState::kMade;
  std::uint64_t number = 0;  // kMade: a rowid, or a hash
};

// How one column of a key compares.
struct KeyRule {
  enum class Fold : std::uint8_t { kNone, kNoCase, kTrimRight };
  Affinity affinity = Affinity::kBlob;  // the parent column's
  Fold fold = Fold::kNone;
  bool utf8 = true;         // the database's encoding
  bool child_real = false;  // the child's column has REAL affinity: whole numbers are reals there, too
};

// The collations that can be folded; false: one that only the application has.
bool fold_of(std::string_view collation, KeyRule::Fold& fold);

// For a parent that is found by its rowid. `utf8`: the database's encoding.
KeyNumber rowid_key(const Value& child, bool utf8);

// A 64-bit hash, equal where SQLite compares equal: of a child's value after the parent's affinity, or of a
// value as it stands in the parent's index (`stored`). `scratch` is the caller's buffer, used again.
enum class KeySide : std::uint8_t { kChild, kStored };
KeyNumber hashed_key(const Value& value, const KeyRule& rule, KeySide side, std::uint64_t seed,
                     std::vector<std::byte>& scratch);

// The hash of a key of several columns, from those of its columns.
inline std::uint64_t combined_key(std::uint64_t so_far, std::uint64_t next) {
  std::uint64_t mixed = (so_far ^ (so_far >> 32)) * 0x9e3779b97f4a7c15U + next;
  mixed = (mixed ^ (mixed >> 29)) * 0xbf58476d1ce4e5b9U;
  return mixed ^ (mixed >> 32);
}

}  // namespace litewright
