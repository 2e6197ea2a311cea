#include "format/varint.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/test_bytes.h"

namespace litewright {
namespace {

TEST(Varint, EachLengthIsReadAsTheFormatDefinesIt) {
  struct Case {
    std::vector<std::byte> data;
    std::uint64_t value;
    std::size_t length;
  };
  const Case cases[] = {
      {bytes({0x00}), 0, 1},
      {bytes({0x7f, 0xff}), 0x7f, 1},
      {bytes({0x81, 0x00}), 0x80, 2},
      {bytes({0xff, 0x7f}), 0x3fff, 2},
      {bytes({0x81, 0x80, 0x00}), 0x4000, 3},
      {bytes({0x8f, 0xff, 0xff, 0xff, 0x7f}), 0xffffffff, 5},
      {bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}), 0xffffffffffffff, 8},
      {bytes({0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80}), 0x80, 9},
      {bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x55}), 0xffffffffffffffff, 9},
      {bytes({0x80, 0x01}), 1, 2},
  };
  for (const Case& c : cases) {
    const Varint read = read_varint(c.data);
    EXPECT_EQ(read.value, c.value);
    EXPECT_EQ(read.length, c.length);
  }
}

TEST(Varint, DataThatEndsWithinTheNumberGivesNoNumber) {
  const auto nine = bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
  for (std::size_t length = 0; length < 9; ++length)
    EXPECT_FALSE(read_varint(Bytes(nine).first(length))) << length;
  EXPECT_TRUE(read_varint(nine));
  EXPECT_FALSE(read_varint(nine, 9));
  EXPECT_FALSE(read_varint(nine, 1000));
}

}  // namespace
}  // namespace litewright
