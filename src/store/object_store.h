// Where an archive's bytes are kept: named, immutable objects in a directory, a bucket, memory.
// Drivers are dumb: no retries, no caching, no knowledge of what the bytes mean.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"

namespace litewright {

struct ObjectInfo {
  std::string name;
  std::uint64_t size = 0;  // bytes
};

// An object on its way: append, then commit. Destroyed without commit(), it leaves no trace.
class ObjectWriter {
 public:
  virtual ~ObjectWriter() = default;
  virtual void append(Bytes data) = 0;
  // Makes the object durable and visible under its name, whole, at once. Throws Error{kLocked} if an object
  // of that name exists by now; Error{kIo|kStoreUnreachable} otherwise: then it is not there.
  virtual void commit() = 0;
};

// An object opened for reading at random. Usable from several threads at once.
class ObjectReader {
 public:
  virtual ~ObjectReader() = default;
  virtual std::uint64_t size() const = 0;
  // Fills `out` from `offset`; throws Error{kDamaged} where the object ends before that.
  virtual void read(std::uint64_t offset, MutableBytes out) const = 0;
};

// Names are relative, '/'-separated, of [A-Za-z0-9._-]+ parts; a driver throws Error{kUsage} for any other
// (never leaves its root, never follows a symbolic link out of it).
// Every method may throw Error{kStoreUnreachable|kPermission|kIo}. Usable from several threads at once.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // For messages: "/backup/app.db-archive". Never holds a password.
  virtual std::string describe() const = 0;

  // Objects whose names begin with `prefix`, in ascending order of name; unfinished ones are never listed.
  virtual std::vector<ObjectInfo> list(std::string_view prefix) const = 0;

  virtual std::unique_ptr<ObjectWriter> create(std::string_view name) = 0;

  // Throws Error{kNoDatabase} where there is no such object.
  virtual std::unique_ptr<ObjectReader> open(std::string_view name) const = 0;

  // Durable and atomic; replaces an object of that name. For small mutable documents (archive.json,
  // owner.json).
  virtual void replace(std::string_view name, Bytes content) = 0;

  // Durable when it returns. Absent objects are no error.
  virtual void remove(std::string_view name) = 0;

  // Takes the store for one writer until the returned hold is destroyed or the process ends; empty if
  // somebody else holds it. (Directory: flock on `lock`.)
  class Hold {
   public:
    virtual ~Hold() = default;
    // False: what answers under the store's name is no longer what was taken (its disk was unmounted, its
    // folder replaced). Nothing is put there meanwhile.
    virtual bool still_there() const { return true; }
    // Takes what is there now instead, if it is a store that was held before; makes nothing. Throws
    // Error{kStoreUnreachable} where there is none, Error{kLocked} where somebody else has it.
    virtual void renew() {}
  };
  virtual std::unique_ptr<Hold> try_hold() = 0;
};

// Whole small objects in one call. read_object refuses objects over `limit` bytes with Error{kDamaged}.
std::string read_object(const ObjectStore& store, std::string_view name, std::uint64_t limit = 16 << 20);
void put_object(ObjectStore& store, std::string_view name, Bytes content);

}  // namespace litewright
