#include "store/memory_store.h"

#include <fmt/format.h>

#include <cstring>

#include "base/error.h"
#include "store/object_name.h"

namespace litewright {

namespace {

class MemoryWriter final : public ObjectWriter {
 public:
  MemoryWriter(std::shared_ptr<MemoryStore::State> state, std::string_view name)
      : state_(std::move(state)), name_(name) {}

  void append(Bytes data) override { content_.insert(content_.end(), data.begin(), data.end()); }

  void commit() override {
    const std::scoped_lock lock(state_->mutex);
    if (state_->objects.contains(name_)) {
      throw Error(ErrorCode::kLocked, fmt::format("memory: {} exists already", name_));
    }
    state_->objects[name_] = std::make_shared<const std::vector<std::byte>>(std::move(content_));
  }

 private:
  std::shared_ptr<MemoryStore::State> state_;
  std::string name_;
  std::vector<std::byte> content_;
};

class MemoryReader final : public ObjectReader {
 public:
  MemoryReader(std::string_view name, MemoryStore::Content content)
      : name_(name), content_(std::move(content)) {}

  std::uint64_t size() const override { return content_->size(); }

  void read(std::uint64_t offset, MutableBytes out) const override {
    if (offset > content_->size() || out.size() > content_->size() - offset) {
      throw Error(ErrorCode::kDamaged, fmt::format("memory: {} ends at byte {}, wanted {} bytes from {}",
                                                   name_, content_->size(), out.size(), offset));
    }
    if (!out.empty()) std::memcpy(out.data(), content_->data() + offset, out.size());
  }

 private:
  std::string name_;
  MemoryStore::Content content_;
};

class MemoryHold final : public ObjectStore::Hold {
 public:
  explicit MemoryHold(std::shared_ptr<MemoryStore::State> state) : state_(std::move(state)) {}
  ~MemoryHold() override {
    const std::scoped_lock lock(state_->mutex);
    state_->held = false;
  }

 private:
  std::shared_ptr<MemoryStore::State> state_;
};

}  // namespace

MemoryStore::MemoryStore() : state_(std::make_shared<State>()) {}

std::vector<ObjectInfo> MemoryStore::list(std::string_view prefix) const {
  const std::scoped_lock lock(state_->mutex);
  std::vector<ObjectInfo> found;
  for (auto at = state_->objects.lower_bound(prefix); at != state_->objects.end(); ++at) {
    if (!at->first.starts_with(prefix)) break;
    found.push_back({at->first, at->second->size()});
  }
  return found;
}

std::unique_ptr<ObjectWriter> MemoryStore::create(std::string_view name) {
  object_name_parts(name);
  return std::make_unique<MemoryWriter>(state_, name);
}

std::unique_ptr<ObjectReader> MemoryStore::open(std::string_view name) const {
  object_name_parts(name);
  const std::scoped_lock lock(state_->mutex);
  const auto found = state_->objects.find(name);
  if (found == state_->objects.end()) {
    throw Error(ErrorCode::kNoDatabase, fmt::format("memory: there is no {}", name));
  }
  return std::make_unique<MemoryReader>(name, found->second);
}

void MemoryStore::replace(std::string_view name, Bytes content) {
  object_name_parts(name);
  const std::scoped_lock lock(state_->mutex);
  state_->objects.insert_or_assign(
      std::string(name), std::make_shared<const std::vector<std::byte>>(content.begin(), content.end()));
}

void MemoryStore::remove(std::string_view name) {
  object_name_parts(name);
  const std::scoped_lock lock(state_->mutex);
  const auto found = state_->objects.find(name);
  if (found != state_->objects.end()) state_->objects.erase(found);
}

std::unique_ptr<ObjectStore::Hold> MemoryStore::try_hold() {
  const std::scoped_lock lock(state_->mutex);
  if (state_->held) return nullptr;
  state_->held = true;
  return std::make_unique<MemoryHold>(state_);
}

}  // namespace litewright
