#include "archive/gzip_stream.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace litewright {
namespace {

constexpr int kLevel = 6;  // as gzip
constexpr std::size_t kBlock = 256u << 10;
constexpr std::size_t kDictionary = 32u << 10;
constexpr std::size_t kPiece = 256u << 10;
constexpr int kRawDeflate = -15;
constexpr int kGzipOnly = 15 + 16;

Bytef* raw(const std::byte* data) { return reinterpret_cast<Bytef*>(const_cast<std::byte*>(data)); }

// A raw deflate state, used again for each block of a thread.
class Deflater {
 public:
  Deflater() {
    if (::deflateInit2(&state_, kLevel, Z_DEFLATED, kRawDeflate, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
      throw Error(ErrorCode::kIo, "zlib: out of memory");
    }
  }
  ~Deflater() { ::deflateEnd(&state_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  void run(Bytes data, Bytes dictionary, std::vector<std::byte>& out) {
    ::deflateReset(&state_);
    if (!dictionary.empty()) {
      ::deflateSetDictionary(&state_, raw(dictionary.data()), static_cast<uInt>(dictionary.size()));
    }
    out.resize(::deflateBound(&state_, data.size()) + 64);
    state_.next_in = raw(data.data());
    state_.avail_in = static_cast<uInt>(data.size());
    state_.next_out = raw(out.data());
    state_.avail_out = static_cast<uInt>(out.size());
    const int rc = ::deflate(&state_, Z_SYNC_FLUSH);
    if (rc != Z_OK || state_.avail_in != 0 || state_.avail_out == 0) {
      throw Error(ErrorCode::kInternal, fmt::format("zlib: deflate of {} bytes gave {}", data.size(), rc));
    }
    out.resize(out.size() - state_.avail_out);
  }

 private:
  z_stream state_{};
};

}  // namespace

struct GzipSink::Block {
  std::vector<std::byte> data, dictionary, out;
  std::uint32_t crc = 0;
  bool taken = false, done = false;
  std::exception_ptr failure;
};

GzipSink::GzipSink(ByteSink& to, int threads)
    : to_(to), most_blocks_(2 * static_cast<std::size_t>(std::max(threads, 1))) {
  gathered_.reserve(kBlock);
  constexpr std::array<unsigned char, 10> kHeader = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};  // no name, Unix
  to_.write(std::as_bytes(std::span(kHeader)));
  crc_ = static_cast<std::uint32_t>(::crc32(0, nullptr, 0));
  for (int i = 0; i < std::max(threads, 1); i++) threads_.emplace_back([this] { work(); });
}

GzipSink::~GzipSink() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_there_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void GzipSink::work() {
  std::unique_ptr<Deflater> deflater;
  std::unique_lock lock(mutex_);
  while (true) {
    const auto next = std::ranges::find(blocks_, false, [](const auto& block) { return block->taken; });
    if (next == blocks_.end()) {
      if (stop_) return;
      work_there_.wait(lock);
      continue;
    }
    const std::shared_ptr<Block> block = *next;
    block->taken = true;
    lock.unlock();
    try {
      if (!deflater) deflater = std::make_unique<Deflater>();
      deflater->run(block->data, block->dictionary, block->out);
      block->crc = static_cast<std::uint32_t>(
          ::crc32(0, raw(block->data.data()), static_cast<uInt>(block->data.size())));
    } catch (...) {
      block->failure = std::current_exception();
    }
    lock.lock();
    block->done = true;
    work_done_.notify_all();
  }
}

void GzipSink::emit_oldest() {
  std::shared_ptr<Block> block;
  {
    std::unique_lock lock(mutex_);
    block = blocks_.front();
    work_done_.wait(lock, [&] { return block->done; });
    blocks_.pop_front();
  }
  if (block->failure) std::rethrow_exception(block->failure);
  crc_ =
      static_cast<std::uint32_t>(::crc32_combine(crc_, block->crc, static_cast<z_off_t>(block->data.size())));
  length_ += block->data.size();
  to_.write(block->out);
}

void GzipSink::submit() {
  auto block = std::make_shared<Block>();
  block->data.swap(gathered_);
  block->dictionary = std::move(dictionary_);
  const std::size_t tail = std::min(block->data.size(), kDictionary);
  dictionary_.assign(block->data.end() - static_cast<std::ptrdiff_t>(tail), block->data.end());
  gathered_.reserve(kBlock);
  bool full = false;
  {
    const std::lock_guard lock(mutex_);
    blocks_.push_back(std::move(block));
    full = blocks_.size() > most_blocks_;
  }
  work_there_.notify_one();
  if (full) emit_oldest();
}

void GzipSink::write(Bytes data) {
  while (!data.empty()) {
    const std::size_t step = std::min(data.size(), kBlock - gathered_.size());
    gathered_.insert(gathered_.end(), data.begin(), data.begin() + static_cast<std::ptrdiff_t>(step));
    data = data.subspan(step);
    if (gathered_.size() == kBlock) submit();
  }
}

void GzipSink::finish() {
  if (!gathered_.empty()) submit();
  while (!blocks_.empty()) emit_oldest();
  std::array<unsigned char, 10> end = {3, 0};  // an empty final block with the fixed codes
  for (unsigned i = 0; i < 4; i++) {
    end[2 + i] = static_cast<unsigned char>(crc_ >> (8 * i));
    end[6 + i] = static_cast<unsigned char>(length_ >> (8 * i));
  }
  to_.write(std::as_bytes(std::span(end)));
  to_.finish();
}

struct GzipSource::Context {
  z_stream state{};
  ~Context() { ::inflateEnd(&state); }
};

GzipSource::GzipSource(ByteSource& from, std::string name)
    : from_(from), name_(std::move(name)), context_(std::make_unique<Context>()), in_(kPiece) {
  if (::inflateInit2(&context_->state, kGzipOnly) != Z_OK) throw Error(ErrorCode::kIo, "zlib: out of memory");
}

GzipSource::~GzipSource() = default;

// False: the source has ended.
bool GzipSource::refill() {
  if (context_->state.avail_in > 0) return true;
  const std::size_t got = from_.read(in_);
  context_->state.next_in = raw(in_.data());
  context_->state.avail_in = static_cast<uInt>(got);
  return got > 0;
}

// Zeros behind the last member are padding (tapes), as for gzip.
bool GzipSource::begins_another_member() {
  while (refill()) {
    if (*context_->state.next_in == 0x1f) {
      ::inflateReset(&context_->state);
      return true;
    }
    if (*context_->state.next_in != 0) {
      throw Error(ErrorCode::kDamaged, name_ + ": there are bytes behind the end of its gzip stream");
    }
    context_->state.next_in++;
    context_->state.avail_in--;
  }
  return false;
}

std::size_t GzipSource::read(MutableBytes out) {
  z_stream& state = context_->state;
  std::size_t done = 0;
  while (done < out.size() && !ended_) {
    if (!refill()) throw Error(ErrorCode::kDamaged, name_ + ": ends in the middle of its gzip stream");
    const std::size_t room = std::min(out.size() - done, std::size_t{1} << 30);
    state.next_out = raw(out.data() + done);
    state.avail_out = static_cast<uInt>(room);
    const int rc = ::inflate(&state, Z_NO_FLUSH);
    done += room - state.avail_out;
    if (rc == Z_STREAM_END) {
      ended_ = !begins_another_member();
    } else if (rc != Z_OK && rc != Z_BUF_ERROR) {
      throw Error(ErrorCode::kDamaged,
                  fmt::format("{}: gzip: {}", name_, state.msg != nullptr ? state.msg : "damaged data"));
    }
  }
  return done;
}

}  // namespace litewright
