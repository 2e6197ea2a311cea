#include "archive/byte_stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "archive/gzip_stream.h"
#include "archive/zstd_stream.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/test_folder.h"

namespace litewright {
namespace {

struct Collected final : ByteSink {
  void write(Bytes data) override { text += text_of(data); }
  void finish() override { finished = true; }
  std::string text;
  bool finished = false;
};

struct Given final : ByteSource {
  explicit Given(std::string text_given) : text(std::move(text_given)) {}
  std::size_t read(MutableBytes out) override {
    const std::size_t step = std::min(out.size(), text.size() - at);
    std::memcpy(out.data(), text.data() + at, step);
    at += step;
    return step;
  }
  std::string text;
  std::size_t at = 0;
};

enum class Packer { kZstd, kGzip };

std::string pack(Packer packer, std::string_view text, std::size_t piece, int threads) {
  Collected to;
  std::unique_ptr<ByteSink> sink;
  if (packer == Packer::kZstd) {
    sink = std::make_unique<ZstdSink>(to, threads);
  } else {
    sink = std::make_unique<GzipSink>(to, threads);
  }
  for (std::size_t at = 0; at < text.size(); at += piece) sink->write(bytes_of(text.substr(at, piece)));
  sink->finish();
  EXPECT_TRUE(to.finished);
  return to.text;
}

std::string unpack(Packer packer, const std::string& packed, std::size_t piece = 100'000) {
  Given from(packed);
  std::unique_ptr<ByteSource> source;
  if (packer == Packer::kZstd) {
    source = std::make_unique<ZstdSource>(from, "x");
  } else {
    source = std::make_unique<GzipSource>(from, "x");
  }
  std::string text;
  std::vector<std::byte> buffer(piece);
  while (const std::size_t got = source->read(buffer)) text += text_of(Bytes(buffer).first(got));
  return text;
}

// Several blocks long, some of it compressible.
std::string sample(std::size_t length, unsigned seed) {
  std::string text;
  std::uint64_t state = seed + 1;
  while (text.size() < length) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    text += state >> 62 == 0 ? "the same words again and again "
                             : std::string(reinterpret_cast<char*>(&state), 8);
  }
  text.resize(length);
  return text;
}

class Packed : public testing::TestWithParam<Packer> {};

TEST_P(Packed, any_bytes_come_back_whatever_the_pieces_and_threads) {
  EXPECT_TRUE(rc::check([&] {
    const auto length = *rc::gen::inRange<std::size_t>(0, 1'500'000);
    const std::string text = sample(length, *rc::gen::arbitrary<unsigned>());
    const auto piece = *rc::gen::inRange<std::size_t>(1'000, 900'000);
    const int threads = *rc::gen::inRange(1, 4);
    RC_ASSERT(unpack(GetParam(), pack(GetParam(), text, piece, threads),
                     *rc::gen::inRange<std::size_t>(7'000, 300'000)) == text);
  }));
}

TEST_P(Packed, nothing_and_a_byte_come_back) {
  for (const std::string text : {"", "x"}) EXPECT_EQ(unpack(GetParam(), pack(GetParam(), text, 1, 2)), text);
}

TEST_P(Packed, a_cut_anywhere_is_damage) {
  const std::string packed = pack(GetParam(), sample(5'000, 1), 1'000, 1);
  for (std::size_t length = 1; length < packed.size(); length += 1 + packed.size() / 200) {
    EXPECT_THROW(unpack(GetParam(), packed.substr(0, length)), Error) << length << " of " << packed.size();
  }
}

TEST_P(Packed, a_flip_gives_other_content_never) {
  const std::string text = sample(3'000, 2);
  const std::string packed = pack(GetParam(), text, 1'000, 1);
  int found = 0;
  for (std::size_t at = 0; at < packed.size(); at++) {
    std::string flipped = packed;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
    try {
      // A time, a name, an operating system in the header: no part of the content.
      EXPECT_EQ(unpack(GetParam(), flipped), text) << "byte " << at;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kDamaged) << error.what();
      found++;
    }
  }
  EXPECT_GT(found, static_cast<int>(packed.size()) - 20);
}

TEST_P(Packed, streams_behind_one_another_are_one) {
  const std::string both = pack(GetParam(), "one ", 2, 1) + pack(GetParam(), "two", 2, 1);
  EXPECT_EQ(unpack(GetParam(), both), "one two");
}

INSTANTIATE_TEST_SUITE_P(streams, Packed, testing::Values(Packer::kZstd, Packer::kGzip),
                         [](const auto& given) { return given.param == Packer::kZstd ? "zstd" : "gzip"; });

TEST(GzipSource, takes_zeros_behind_the_end_and_nothing_else) {
  const std::string packed = pack(Packer::kGzip, "text", 4, 1);
  EXPECT_EQ(unpack(Packer::kGzip, packed + std::string(700, '\0')), "text");
  EXPECT_THROW(unpack(Packer::kGzip, packed + "more"), Error);
}

TEST(FileSink, knows_the_checksum_of_what_FileSource_reads) {
  const TestFolder folder;
  DurableFile file(folder.path("x"));
  FileSink sink(file);
  const std::string text = sample(700'000, 3);
  for (std::size_t at = 0; at < text.size(); at += 777)
    sink.write(bytes_of(std::string_view(text).substr(at, 777)));
  sink.finish();
  FileSource source(file.fd(), "x");
  std::vector<std::byte> back(text.size() + 1);
  EXPECT_EQ(source.read(back), text.size());
  EXPECT_EQ(text_of(Bytes(back).first(text.size())), text);
  EXPECT_EQ(source.checksum(), sink.checksum());
  EXPECT_EQ(sink.checksum(), checksum64(bytes_of(text)));
  EXPECT_EQ(sink.bytes(), text.size());
}

}  // namespace
}  // namespace litewright
