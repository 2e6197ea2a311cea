// An object store in a folder of the local file system: one file an object. Linux.
//
// Layout below the root: "lock" (empty, carries the hold's flock), objects under their names, and unfinished
// objects "~<16 hex digits>.tmp" in the folder of the object to be ('~' is in no object's name). A writer
// holds flock on its temporary while it lives, so whoever holds the store can tell a killed writer's
// leftovers and removes them in try_hold().
//
// While a hold lives, the store is the folder that was taken, not whatever lies under its name: where that
// folder was renamed, replaced or unmounted every call throws Error{kStoreUnreachable} and makes nothing. An
// archive must never go on in the empty folder below an unmounted disk. Hold::renew() takes it up again.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "store/folder_walk.h"
#include "store/object_store.h"

namespace litewright {

// Descriptors: one for each living writer, hold and reader, of readers at most kReadersKeptOpen (an archive
// may have more segments than a process may have descriptors); besides those at most kMaxObjectNameParts + 2
// during a call. Readers must not outlive the store. Symbolic links below the root are never followed: an
// object that is one throws Error{kPermission}, and list() leaves it out. Folders are made 0700, files 0600.
class DirectoryStore final : public ObjectStore {
 public:
  static constexpr std::size_t kReadersKeptOpen = 128;

  // Touches nothing: the root (and what is missing above it) is made by the first call that writes.
  explicit DirectoryStore(std::string root);

  std::string describe() const override { return root_; }
  std::vector<ObjectInfo> list(std::string_view prefix) const override;
  std::unique_ptr<ObjectWriter> create(std::string_view name) override;
  std::unique_ptr<ObjectReader> open(std::string_view name) const override;
  void replace(std::string_view name, Bytes content) override;
  void remove(std::string_view name) override;
  std::unique_ptr<Hold> try_hold() override;

  struct HeldPlace;  // which folder it is that a living hold has

 private:
  Descriptor root_to_read() const;  // none where there is no folder
  Descriptor root_to_write() const;

  std::string root_;
  mutable std::mutex mutex_;
  std::weak_ptr<HeldPlace> held_;
  std::shared_ptr<std::atomic<std::size_t>> readers_ = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace litewright
