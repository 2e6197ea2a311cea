// Nobody archives the database from here on until this is destroyed, or the process ends: an owner that runs
// is suspended and has let go of the database; without one the archive is held, so that none begins.
#pragma once

#include <memory>
#include <optional>

#include "archive/owner.h"

namespace litewright {

class ArchivePause {
 public:
  // Throws the owner's Error, or Error{kLocked} naming it where it does not answer. An archive that nobody
  // ever owned and that can't be written here needs no hold.
  explicit ArchivePause(ObjectStore& store);

 private:
  std::optional<OwnerClient> owner_;  // its end lets the owner go on
  std::unique_ptr<ObjectStore::Hold> hold_;
};

}  // namespace litewright
