// A gzip stream (RFC 1952) of one member, compressed by several threads; what `gzip -d` and `zcat` read.
//
// The data is cut into blocks; each is deflated by itself, with the 32 KiB before it as dictionary, and ends
// at a byte boundary (a sync flush), so the blocks' outputs stand behind one another as one deflate stream.
// An empty final block ends it; the checksums of the blocks are combined for the trailer.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "archive/byte_stream.h"

namespace litewright {

// Borrows the sink; finish() finishes it too. Invariants: (1) blocks reach the sink in their order; (2) at
// most 2 × threads + 1 blocks exist at any time.
class GzipSink final : public ByteSink {
 public:
  GzipSink(ByteSink& to, int threads);
  ~GzipSink() override;
  void write(Bytes data) override;
  void finish() override;

 private:
  struct Block;
  void submit();
  void emit_oldest();
  void work();

  ByteSink& to_;
  std::size_t most_blocks_;
  std::vector<std::byte> gathered_;    // the block that is being filled
  std::vector<std::byte> dictionary_;  // the end of the block before it
  std::uint32_t crc_ = 0;
  std::uint64_t length_ = 0;
  std::mutex mutex_;
  std::condition_variable work_there_, work_done_;
  std::deque<std::shared_ptr<Block>> blocks_;  // oldest first
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

// One member or several, of any writer. Borrows the source.
class GzipSource final : public ByteSource {
 public:
  GzipSource(ByteSource& from, std::string name);
  ~GzipSource() override;
  std::size_t read(MutableBytes out) override;

 private:
  struct Context;
  bool refill();
  bool begins_another_member();

  ByteSource& from_;
  std::string name_;
  std::unique_ptr<Context> context_;
  std::vector<std::byte> in_;
  bool ended_ = false;
};

}  // namespace litewright
