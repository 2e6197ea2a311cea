#include "archive/zstd_stream.h"

#include <fmt/format.h>
#include <zstd.h>

#include "base/error.h"

namespace litewright {
namespace {

constexpr int kLevel = 3;
constexpr int kWindowLog = 20;      // 1 MiB: bounds what each thread holds
constexpr int kJobBytes = 2 << 20;  // what a thread compresses at a time
constexpr int kMostWindowLog = 27;  // of foreign streams
constexpr std::size_t kPiece = 256u << 10;

void require(std::size_t code) {
  if (ZSTD_isError(code)) throw Error(ErrorCode::kInternal, fmt::format("zstd: {}", ZSTD_getErrorName(code)));
}

}  // namespace

struct ZstdSink::Context {
  ZSTD_CCtx* zstd = ZSTD_createCCtx();
  ~Context() { ZSTD_freeCCtx(zstd); }
};

ZstdSink::ZstdSink(ByteSink& to, int threads) : to_(to), context_(std::make_unique<Context>()), out_(kPiece) {
  ZSTD_CCtx* zstd = context_->zstd;
  if (zstd == nullptr) throw Error(ErrorCode::kIo, "zstd: out of memory");
  require(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, kLevel));
  require(ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, kWindowLog));
  require(ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1));
  if (threads <= 1) return;
  // A libzstd built without threads refuses this: then one does the work.
  if (!ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_nbWorkers, threads))) {
    require(ZSTD_CCtx_setParameter(zstd, ZSTD_c_jobSize, kJobBytes));
  }
}

ZstdSink::~ZstdSink() = default;

void ZstdSink::write(Bytes data) {
  ZSTD_inBuffer in{data.data(), data.size(), 0};
  while (in.pos < in.size) {
    ZSTD_outBuffer out{out_.data(), out_.size(), 0};
    require(ZSTD_compressStream2(context_->zstd, &out, &in, ZSTD_e_continue));
    if (out.pos > 0) to_.write(Bytes(out_).first(out.pos));
  }
}

void ZstdSink::finish() {
  ZSTD_inBuffer in{nullptr, 0, 0};
  for (std::size_t left = 1; left > 0;) {
    ZSTD_outBuffer out{out_.data(), out_.size(), 0};
    left = ZSTD_compressStream2(context_->zstd, &out, &in, ZSTD_e_end);
    require(left);
    if (out.pos > 0) to_.write(Bytes(out_).first(out.pos));
  }
  to_.finish();
}

struct ZstdSource::Context {
  ZSTD_DCtx* zstd = ZSTD_createDCtx();
  ~Context() { ZSTD_freeDCtx(zstd); }
};

ZstdSource::ZstdSource(ByteSource& from, std::string name)
    : from_(from), name_(std::move(name)), context_(std::make_unique<Context>()), in_(kPiece) {
  if (context_->zstd == nullptr) throw Error(ErrorCode::kIo, "zstd: out of memory");
  require(ZSTD_DCtx_setParameter(context_->zstd, ZSTD_d_windowLogMax, kMostWindowLog));
}

ZstdSource::~ZstdSource() = default;

std::size_t ZstdSource::read(MutableBytes out) {
  ZSTD_outBuffer into{out.data(), out.size(), 0};
  while (into.pos < into.size) {
    if (in_at_ == in_size_) {
      in_size_ = from_.read(in_);
      in_at_ = 0;
    }
    ZSTD_inBuffer in{in_.data(), in_size_, in_at_};
    const std::size_t before = into.pos;
    if (in_size_ == 0 && !inside_frame_) return into.pos;
    const std::size_t left = ZSTD_decompressStream(context_->zstd, &into, &in);
    if (ZSTD_isError(left)) {
      throw Error(ErrorCode::kDamaged, fmt::format("{}: zstd: {}", name_, ZSTD_getErrorName(left)));
    }
    in_at_ = in.pos;
    inside_frame_ = left != 0;
    // No input left, and none of what is buffered inside came out either.
    if (in_size_ == 0 && inside_frame_ && into.pos == before) {
      throw Error(ErrorCode::kDamaged, name_ + ": ends in the middle of its zstd stream");
    }
  }
  return into.pos;
}

}  // namespace litewright
