#include "archive/data_subset.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace litewright {
namespace {

Catalogue sample(int objects) {
  Catalogue catalogue;
  for (int i = 0; i < objects; ++i) {
    SegmentEntry entry;
    entry.name = segment_name(Txid(static_cast<std::uint64_t>(i)), Txid(static_cast<std::uint64_t>(i) + 1));
    entry.size = 1000;
    catalogue.segments.push_back(entry);
  }
  return catalogue;
}

TEST(DataSubset, RefusesWhatItCannotRead) {
  for (const char* text : {"", "0/7", "8/7", "1/", "/7", "1/7x", "0%", "101%", "%", "-5%", "nan%", "0", "5X",
                           "B", "-1M", "1.5G", "99999999999T"}) {
    EXPECT_THROW(DataSubset::parse(text), Error) << text;
  }
}

TEST(DataSubset, PartsAreFixedAndMakeUpTheWhole) {
  const Catalogue catalogue = sample(200);
  std::set<std::string> all;
  std::size_t count = 0;
  for (int part = 1; part <= 7; ++part) {
    const DataSubset subset = DataSubset::parse(fmt::format("{}/7", part));
    const auto choice = subset.choose(catalogue, 0);
    EXPECT_EQ(choice.objects, subset.choose(catalogue, 12345).objects);
    EXPECT_EQ(choice.bytes, choice.objects.size() * 1000);
    EXPECT_GT(choice.objects.size(), 10u);
    count += choice.objects.size();
    all.insert(choice.objects.begin(), choice.objects.end());
  }
  EXPECT_EQ(count, 200u);
  EXPECT_EQ(all.size(), 200u);
  EXPECT_EQ(DataSubset().choose(catalogue, 7).objects.size(), 200u);
}

TEST(DataSubset, PercentagesAndSizesGoRoundUntilAllWasRead) {
  const struct {
    const char* text;
    std::size_t objects;  // a run
  } cases[] = {{"5%", 10},   {"0.1%", 1}, {"100%", 200}, {"10000", 10}, {"10K", 11},
               {"20KB", 21}, {"1KiB", 2}, {"1G", 200},   {"1", 1}};
  const Catalogue catalogue = sample(200);
  for (const auto& c : cases) {
    const DataSubset subset = DataSubset::parse(c.text);
    std::set<std::string> all;
    std::uint64_t rotation = 0;
    for (std::size_t read = 0; read < 200; read += c.objects) {
      const auto choice = subset.choose(catalogue, rotation);
      EXPECT_EQ(choice.objects.size(), c.objects) << c.text;
      rotation = choice.next;
      all.insert(choice.objects.begin(), choice.objects.end());
    }
    EXPECT_EQ(all.size(), 200u) << c.text;
  }
}

TEST(DataSubset, OfNothingIsNothing) {
  EXPECT_TRUE(DataSubset::parse("5%").choose(Catalogue(), 9).objects.empty());
}

}  // namespace
}  // namespace litewright
