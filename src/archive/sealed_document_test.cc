#include "archive/sealed_document.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/json_text.h"

namespace litewright {
namespace {

const nlohmann::ordered_json kDocument = {
    {"name", "before-upgrade"}, {"txid", 1234}, {"note", "caf\xc3\xa9"}};

std::string what_is_wrong(const std::string& text) {
  try {
    open_sealed_document(text, "points/p.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDamaged);
    return error.what();
  }
  return "";
}

TEST(SealedDocument, IsReadBackAsItWasWithoutItsSeal) {
  const std::string text = seal_document(kDocument);
  EXPECT_EQ(open_sealed_document(text, "x"), kDocument);
  EXPECT_TRUE(parse_json(text).contains("seal")) << "still a JSON document for anybody else";
}

TEST(SealedDocument, IsWrittenByteByByteAsTheFormatSays) {
  EXPECT_EQ(seal_document({{"format", 1}}), "{\n  \"format\": 1,\n  \"seal\": \"6d727f95133deda6\"\n}\n");
}

TEST(SealedDocument, IsDamagedWhereverOneBitIsFlipped) {
  const std::string text = seal_document(kDocument);
  for (std::size_t bit = 0; bit < text.size() * 8; bit++) {
    std::string changed = text;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_NE(what_is_wrong(changed), "") << "bit " << bit << ": " << changed;
  }
}

TEST(SealedDocument, IsDamagedWhereverItIsCutOrGrown) {
  const std::string text = seal_document(kDocument);
  for (std::size_t size = 0; size < text.size(); size++) {
    EXPECT_NE(what_is_wrong(text.substr(0, size)), "") << "cut to " << size;
  }
  EXPECT_NE(what_is_wrong(text + " "), "");
  EXPECT_NE(what_is_wrong(" " + text), "");
  EXPECT_NE(what_is_wrong(text + text), "");
}

TEST(SealedDocument, SaysWhetherTheSealIsBrokenOrMissing) {
  std::string changed = seal_document(kDocument);
  changed.replace(changed.find("1234"), 4, "1235");
  EXPECT_EQ(what_is_wrong(changed), "points/p.json: its checksum is not the recorded one");
  EXPECT_EQ(what_is_wrong(R"({"txid": 3})"), "points/p.json: its checksum is missing");
  EXPECT_EQ(what_is_wrong("[]"), "points/p.json: not a JSON object");
}

}  // namespace
}  // namespace litewright
