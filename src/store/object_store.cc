#include "store/object_store.h"

#include <fmt/format.h>

#include "base/error.h"

namespace litewright {

std::string read_object(const ObjectStore& store, std::string_view name, std::uint64_t limit) {
  const auto reader = store.open(name);
  const std::uint64_t size = reader->size();
  if (size > limit) {
    throw Error(ErrorCode::kDamaged, fmt::format("{}: {} has {} bytes, more than the {} it may have",
                                                 store.describe(), name, size, limit));
  }
  std::string content(size, '\0');
  reader->read(0, std::as_writable_bytes(std::span(content)));
  return content;
}

void put_object(ObjectStore& store, std::string_view name, Bytes content) {
  const auto writer = store.create(name);
  writer->append(content);
  writer->commit();
}

}  // namespace litewright
