// Companions: files that belong to a database without being in it (keys, OAuth state, configuration), kept in
// the archive with a named point, so that going back to the point brings back what the application needs
// beside it. Objects and fields: docs/formats/archive.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "archive/catalogue.h"
#include "base/clock.h"
#include "store/object_store.h"

namespace litewright {

// Keys and configuration, not data: what is larger has other tools.
inline constexpr std::size_t kMostCompanions = 64;
inline constexpr std::uint64_t kMostCompanionBytes = 16 << 20;  // of one file; in memory while it is kept

struct Companion {
  std::string path;  // absolute, symbolic links resolved
  std::uint64_t bytes = 0;
  std::uint64_t checksum = 0;  // XXH3-64 of the content
  std::uint32_t mode = 0;      // permission bits
  WallTime modified{};
  std::string object;  // that holds the content
};

// What was kept with one point.
struct CompanionSet {
  std::string point;
  WallTime created{};
  std::vector<Companion> files;
};

// Reads `files` and keeps them under the point's name, durably; call it before the point is made. A file that
// changes while it is read is read again, a few times. Throws Error{kNoDatabase} where one is missing,
// Error{kLocked} where it goes on changing, Error{kUsage} where it is no regular file, too large, a SQLite
// database or given twice, Error{kCantCreate} where the point exists: then nothing is kept. What a killed
// process left under that name is replaced.
CompanionSet keep_companions(ObjectStore& store, const std::string& point,
                             std::span<const std::filesystem::path> files, const Clock& clock);

// Absent: the point has none. Throws Error{kDamaged}.
std::optional<CompanionSet> read_companions(const ObjectStore& store, const std::string& point);
// The content, held against its checksum. Throws Error{kDamaged}, Error{kNoDatabase}.
std::vector<std::byte> read_companion(const ObjectStore& store, const Companion& companion);

// Of those points that have some; what can't be read is left out and told.
struct CompanionListing {
  std::vector<CompanionSet> sets;
  std::vector<BadObject> bad_objects;
};
CompanionListing list_companions(const ObjectStore& store, std::span<const NamedPoint> points);

// Reads every companion of the points; `damage` hears of what is not as it was kept. Returns how many objects
// there are. What lies under other names was left by a killed process and is no damage.
std::uint64_t verify_companions(const ObjectStore& store, std::span<const NamedPoint> points,
                                const std::function<void(const BadObject&)>& damage);

// For whoever removes the point: after it, so that no point is without the files that it was made with.
void remove_companions(ObjectStore& store, const std::string& point);

}  // namespace litewright
