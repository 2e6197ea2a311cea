// An object store in a folder of the local file system: one file an object. Linux.
//
// Layout below the root: "lock" (empty, carries the hold's flock), objects under their names, and unfinished
// objects "~<16 hex digits>.tmp" in the folder of the object to be ('~' is in no object's name). A writer
// holds flock on its temporary while it lives, so whoever holds the store can tell a killed writer's
// leftovers and removes them in try_hold().
#pragma once

#include <memory>
#include <string>

#include "store/object_store.h"

namespace litewright {

// Descriptors: one for each living writer, reader and hold; besides those at most kMaxObjectNameParts + 2
// during a call. Symbolic links below the root are never followed: an object that is one throws
// Error{kPermission}, and list() leaves it out. Folders are made 0700, files 0600.
class DirectoryStore final : public ObjectStore {
 public:
  // Touches nothing: the root (and what is missing above it) is made by the first call that writes.
  explicit DirectoryStore(std::string root);

  std::string describe() const override { return root_; }
  std::vector<ObjectInfo> list(std::string_view prefix) const override;
  std::unique_ptr<ObjectWriter> create(std::string_view name) override;
  std::unique_ptr<ObjectReader> open(std::string_view name) const override;
  void replace(std::string_view name, Bytes content) override;
  void remove(std::string_view name) override;
  std::unique_ptr<Hold> try_hold() override;

 private:
  std::string root_;
};

}  // namespace litewright
