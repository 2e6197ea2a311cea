// The files that were kept with a point, brought back: below a folder, or to where they came from.
//
// Two steps, so that a restore of the database stands between them: everything that can fail early (reading
// the archive, room on the disk, rights) happens when the object is made; put() then only renames.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archive/companions.h"
#include "base/clock.h"

namespace litewright {

struct PlacedCompanion {
  std::string path;                   // where it is now
  std::optional<std::string> kept{};  // the old file's name now
  bool unchanged = false;             // it was there already, the same
};

// Reads every file of `set`, proves it and writes it beside its place. With `folder` that is FOLDER + its
// whole path: no symbolic link below the folder is followed, whatever the paths are. Without: the recorded
// path, whose folder must be no symbolic link now, as it was none when the path was recorded. Nothing is
// under its name before put(), and what was not put goes with this object.
class CompanionPlacement {
 public:
  // Throws Error{kDamaged}, Error{kPermission} at a symbolic link, and by errno.
  CompanionPlacement(const ObjectStore& store, const CompanionSet& set,
                     const std::optional<std::filesystem::path>& folder);
  ~CompanionPlacement();

  // Each file at once and durably under its name, with its mode and time; what was there is kept aside. Once.
  // Where one fails the ones before it are in place: the message says how many.
  std::vector<PlacedCompanion> put(WallTime now);

 private:
  struct Place;
  std::vector<std::unique_ptr<Place>> places_;
};

}  // namespace litewright
