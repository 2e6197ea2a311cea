#include "archive/byte_stream.h"

#include "base/bytes.h"

namespace litewright {
namespace {

constexpr std::size_t kGathered = 256u << 10;

}  // namespace

FileSink::FileSink(DurableFile& file) : file_(file) { gathered_.reserve(kGathered); }

void FileSink::put(Bytes data) {
  checksum_.add(data);
  file_.append(data);
  bytes_ += data.size();
}

void FileSink::write(Bytes data) {
  if (gathered_.size() + data.size() < kGathered) {
    gathered_.append(text_of(data));
    return;
  }
  finish();
  put(data);
}

void FileSink::finish() {
  if (!gathered_.empty()) put(bytes_of(gathered_));
  gathered_.clear();
}

FileSource::FileSource(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}

std::size_t FileSource::read(MutableBytes out) {
  const std::size_t got = pread_fully(fd_, out, offset_, name_);
  checksum_.add(out.first(got));
  offset_ += got;
  return got;
}

}  // namespace litewright
