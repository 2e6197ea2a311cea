// An object store in memory: the twin that tests and fuzz targets drive where no directory is needed.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "store/object_store.h"

namespace litewright {

// Writers, readers and holds may outlive the store: the content is shared, as an open file outlives its name.
class MemoryStore final : public ObjectStore {
 public:
  MemoryStore();

  std::string describe() const override { return "memory"; }
  std::vector<ObjectInfo> list(std::string_view prefix) const override;
  std::unique_ptr<ObjectWriter> create(std::string_view name) override;
  std::unique_ptr<ObjectReader> open(std::string_view name) const override;
  void replace(std::string_view name, Bytes content) override;
  void remove(std::string_view name) override;
  std::unique_ptr<Hold> try_hold() override;

  using Content = std::shared_ptr<const std::vector<std::byte>>;
  struct State {
    std::mutex mutex;
    std::map<std::string, Content, std::less<>> objects;
    bool held = false;
  };

 private:
  std::shared_ptr<State> state_;
};

}  // namespace litewright
