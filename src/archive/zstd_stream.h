// A zstd stream with its content checksum, compressed by several threads; what `zstd -d` reads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "archive/byte_stream.h"

namespace litewright {

// Borrows the sink; finish() finishes it too. Throws Error{kInternal} where zstd fails (out of memory).
class ZstdSink final : public ByteSink {
 public:
  ZstdSink(ByteSink& to, int threads);
  ~ZstdSink() override;
  void write(Bytes data) override;
  void finish() override;

 private:
  struct Context;
  ByteSink& to_;
  std::unique_ptr<Context> context_;
  std::vector<std::byte> out_;
};

// One frame or several, of any writer with a window of at most 128 MiB. Borrows the source.
class ZstdSource final : public ByteSource {
 public:
  ZstdSource(ByteSource& from, std::string name);
  ~ZstdSource() override;
  std::size_t read(MutableBytes out) override;

 private:
  struct Context;
  ByteSource& from_;
  std::string name_;
  std::unique_ptr<Context> context_;
  std::vector<std::byte> in_;
  std::size_t in_at_ = 0, in_size_ = 0;
  bool inside_frame_ = false;
};

}  // namespace litewright
