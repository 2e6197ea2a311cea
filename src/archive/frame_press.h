// Compresses frames, by other threads where asked, and gives them back in the order in which they came.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "archive/segment_format.h"

namespace litewright {

// One frame on its way into an object.
struct PressedFrame {
  segment_format::FrameEntry entry;  // stored, raw and the checksums are filled by the press
  std::vector<std::byte> raw;        // the records
  std::vector<std::byte> checks;     // stored uncompressed behind them
  std::vector<std::byte> ended;      // the frame's part of the run's page checksums
  std::vector<std::byte> stored;     // out: what the object holds
};

// One zstd context, with its level. Not thread-safe.
class Compressor {
 public:
  explicit Compressor(int level);
  ~Compressor();
  // Appends the compressed form of `data` to `out`. Throws Error{kInternal} where zstd fails (out of memory).
  void append(Bytes data, std::vector<std::byte>& out);

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;
};

// Decompresses into exactly `out`; false where the bytes are not a zstd frame of just that size.
class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  Decompressor(Decompressor&&) noexcept;
  Decompressor& operator=(Decompressor&&) noexcept;
  [[nodiscard]] bool run(Bytes compressed, MutableBytes out);

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;
};

// Used by one thread. Invariants: (1) frames reach the sink in the order of submit(); (2) at most
// 2 × threads + 2 frames exist at any time.
class FramePress {
 public:
  using Sink = std::function<void(const PressedFrame&)>;

  // threads <= 1: submit() compresses by itself. The sink is called on the submitter's thread.
  FramePress(int threads, int level, Sink sink);
  ~FramePress();  // frames that did not reach the sink are dropped
  FramePress(const FramePress&) = delete;
  FramePress& operator=(const FramePress&) = delete;

  // An empty frame to fill, its buffers reused.
  std::unique_ptr<PressedFrame> take();
  void submit(std::unique_ptr<PressedFrame> frame);
  // Returns when all submitted frames are through the sink.
  void drain();

 private:
  struct Job {
    std::unique_ptr<PressedFrame> frame;
    bool taken = false;
    bool done = false;
    std::exception_ptr failure;
  };
  void work(int level);
  void sink_oldest();

  Sink sink_;
  Compressor own_;
  std::size_t max_jobs_;
  std::vector<std::unique_ptr<PressedFrame>> spare_;
  std::mutex mutex_;
  std::condition_variable work_there_, work_done_;
  std::deque<std::shared_ptr<Job>> jobs_;  // oldest first; a worker keeps its own alive
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace litewright
