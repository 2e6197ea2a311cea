#include "archive/frame_press.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>

#include "base/checksum.h"
#include "base/error.h"

namespace litewright {

namespace {

void press(PressedFrame& frame, Compressor& compressor) {
  frame.stored.clear();
  compressor.append(frame.raw, frame.stored);
  frame.stored.insert(frame.stored.end(), frame.checks.begin(), frame.checks.end());
  frame.entry.raw = static_cast<std::uint32_t>(frame.raw.size());
  frame.entry.stored = static_cast<std::uint32_t>(frame.stored.size());
  frame.entry.stored_checksum = checksum64(frame.stored);
  frame.entry.ended_checksum = checksum64(frame.ended);
}

}  // namespace

void Compressor::Free::operator()(void* context) const { ZSTD_freeCCtx(static_cast<ZSTD_CCtx*>(context)); }

Compressor::Compressor(int level) : context_(ZSTD_createCCtx()) {
  auto* context = static_cast<ZSTD_CCtx*>(context_.get());
  if (context == nullptr) throw Error(ErrorCode::kInternal, "no memory for a zstd context");
  if (ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level))) {
    throw Error(ErrorCode::kUsage, fmt::format("zstd has no level {}", level));
  }
}
Compressor::~Compressor() = default;

void Compressor::append(Bytes data, std::vector<std::byte>& out) {
  const std::size_t begin = out.size();
  out.resize(begin + ZSTD_compressBound(data.size()));
  const std::size_t size = ZSTD_compress2(static_cast<ZSTD_CCtx*>(context_.get()), out.data() + begin,
                                          out.size() - begin, data.data(), data.size());
  if (ZSTD_isError(size)) {
    throw Error(ErrorCode::kInternal, fmt::format("zstd: {}", ZSTD_getErrorName(size)));
  }
  out.resize(begin + size);
}

void Decompressor::Free::operator()(void* context) const { ZSTD_freeDCtx(static_cast<ZSTD_DCtx*>(context)); }

Decompressor::Decompressor() : context_(ZSTD_createDCtx()) {
  if (!context_) throw Error(ErrorCode::kInternal, "no memory for a zstd context");
}
Decompressor::~Decompressor() = default;
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor& Decompressor::operator=(Decompressor&&) noexcept = default;

bool Decompressor::run(Bytes compressed, MutableBytes out) {
  const std::size_t size = ZSTD_decompressDCtx(static_cast<ZSTD_DCtx*>(context_.get()), out.data(),
                                               out.size(), compressed.data(), compressed.size());
  return !ZSTD_isError(size) && size == out.size();
}

FramePress::FramePress(int threads, int level, Sink sink)
    : sink_(std::move(sink)),
      own_(level),
      max_jobs_(threads > 1 ? 2 * static_cast<std::size_t>(threads) + 2 : 1) {
  for (int i = 0; i < threads && threads > 1; ++i) {
    threads_.emplace_back([this, level] { work(level); });
  }
}

FramePress::~FramePress() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  work_there_.notify_all();
  for (auto& thread : threads_) thread.join();
}

std::unique_ptr<PressedFrame> FramePress::take() {
  if (spare_.empty()) return std::make_unique<PressedFrame>();
  auto frame = std::move(spare_.back());
  spare_.pop_back();
  for (auto* part : {&frame->raw, &frame->checks, &frame->ended, &frame->stored}) part->clear();
  return frame;
}

void FramePress::submit(std::unique_ptr<PressedFrame> frame) {
  if (threads_.empty()) {
    press(*frame, own_);
    sink_(*frame);
    spare_.push_back(std::move(frame));
    return;
  }
  while (jobs_.size() >= max_jobs_) sink_oldest();
  auto job = std::make_shared<Job>();
  job->frame = std::move(frame);
  {
    const std::scoped_lock lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  work_there_.notify_one();
}

void FramePress::drain() {
  while (!jobs_.empty()) sink_oldest();
}

// jobs_ is changed by the submitter alone, under the mutex; it may look at it without.
void FramePress::sink_oldest() {
  std::shared_ptr<Job> job;
  {
    std::unique_lock lock(mutex_);
    work_done_.wait(lock, [this] { return jobs_.front()->done; });
    job = std::move(jobs_.front());
    jobs_.pop_front();
  }
  if (job->failure) std::rethrow_exception(job->failure);
  sink_(*job->frame);
  spare_.push_back(std::move(job->frame));
}

void FramePress::work(int level) {
  std::optional<Compressor> compressor;
  while (true) {
    std::shared_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      const auto next = [this] {
        return std::ranges::find_if(jobs_, [](const auto& candidate) { return !candidate->taken; });
      };
      work_there_.wait(lock, [&] { return stop_ || next() != jobs_.end(); });
      if (stop_) return;
      job = *next();
      job->taken = true;
    }
    try {
      if (!compressor) compressor.emplace(level);
      press(*job->frame, *compressor);
    } catch (...) {
      job->failure = std::current_exception();
    }
    {
      const std::scoped_lock lock(mutex_);
      job->done = true;
    }
    work_done_.notify_one();
  }
}

}  // namespace litewright
