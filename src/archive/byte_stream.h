// Bytes on their way into a file and out of it, compressed or not: what a plain copy is written through and
// read back through. Everything streams; nothing holds more than a few MiB.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/checksum.h"
#include "base/durable_file.h"
#include "base/file_descriptor.h"
#include "base/types.h"

namespace litewright {

// For one thread. finish() once, after the last write().
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual void write(Bytes data) = 0;
  virtual void finish() = 0;
};

// For one thread.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills `out` unless the end comes first; returns the bytes read. Throws Error{kDamaged} where what is read
  // is not what was written: a checksum that does not hold, an end in the middle.
  virtual std::size_t read(MutableBytes out) = 0;
};

// Appends to a DurableFile, gathering small writes, and knows the checksum of what it wrote.
class FileSink final : public ByteSink {
 public:
  explicit FileSink(DurableFile& file);
  void write(Bytes data) override;
  void finish() override;
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t checksum() const { return checksum_.value(); }  // XXH3-64

 private:
  void put(Bytes data);

  DurableFile& file_;
  std::string gathered_;
  std::uint64_t bytes_ = 0;
  Checksum64Stream checksum_;
};

// Reads a descriptor's file from its beginning, with the checksum of what it read. Borrows the descriptor.
class FileSource final : public ByteSource {
 public:
  FileSource(int fd, std::string name);
  std::size_t read(MutableBytes out) override;
  std::uint64_t bytes() const { return offset_; }
  std::uint64_t checksum() const { return checksum_.value(); }

 private:
  int fd_;
  std::string name_;
  std::uint64_t offset_ = 0;
  Checksum64Stream checksum_;
};

}  // namespace litewright
