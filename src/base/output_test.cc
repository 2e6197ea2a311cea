#include "base/output.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "base/progress.h"

namespace litewright {
namespace {

// A stream whose bytes can be looked at.
class Memory {
 public:
  Memory() : stream_(::open_memstream(&text_, &size_)) {}
  ~Memory() {
    std::fclose(stream_);
    std::free(text_);
  }
  std::FILE* stream() { return stream_; }
  std::string text() {
    std::fflush(stream_);
    return std::string(text_, size_);
  }

 private:
  char* text_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* stream_;
};

struct Printed {
  std::string out;
  std::string err;
};

Printed print(Output::Options options) {
  Memory out;
  Memory err;
  Output output(out.stream(), err.stream(), std::move(options));
  TextTable table({{"tx"}, {"size", TextTable::Align::kRight}});
  table.add({"1", "820 µs"});
  table.add({"1000", "1.2 GB"});
  output.line("a line");
  output.table(table);
  output.answer("the answer");
  output.note("a note");
  const std::vector<Finding> findings = {
      {.id = "a.b", .severity = Severity::kOk, .meaning = "fine"},
      {.id = "c.d", .severity = Severity::kWarning, .meaning = "not fine"}};
  output.findings(findings);
  output.document({{"path", "b\xff.db"}, {"n", 1}});
  return {out.text(), err.text()};
}

TEST(Output, TextForPeople) {
  const Printed printed = print({.command = "test"});
  EXPECT_EQ(printed.out,
            "a line\n"
            "tx      size\n"
            "1     820 µs\n"
            "1000  1.2 GB\n"
            "the answer\n"
            "ok        a.b\n          fine\n"
            "warning   c.d\n          not fine\n");
  EXPECT_EQ(printed.err, "a note\n");
}

TEST(Output, QuietKeepsTheAnswerAndWhatIsWrong) {
  const Printed printed = print({.command = "test", .quiet = true});
  EXPECT_EQ(printed.out, "the answer\nwarning   c.d\n          not fine\n");
  EXPECT_EQ(printed.err, "");
}

TEST(Output, JsonIsOneObjectALineWithItsSchemaFirst) {
  const Printed printed = print({.command = "test", .format = OutputFormat::kJson});
  EXPECT_EQ(printed.out, "{\"schema\":\"litewright/test/1\",\"path\":\"b\xef\xbf\xbd.db\",\"n\":1}\n");
  EXPECT_EQ(printed.err, "a note\n");
}

TEST(DocumentStream, WritesTheSameLineAsADocumentPieceByPiece) {
  const nlohmann::ordered_json items = {{{"a", 1}}, "x\xff", 3.5};
  Memory whole, pieces, err;
  Output first(whole.stream(), err.stream(), {.command = "log", .format = OutputFormat::kJson});
  first.document({{"one", 1}, {"items", items}, {"none", nlohmann::ordered_json::array()}, {"last", "\n"}},
                 2);
  Output second(pieces.stream(), err.stream(), {.command = "log", .format = OutputFormat::kJson});
  DocumentStream stream(second, 2);
  stream.add("one", 1);
  stream.begin_list("items");
  for (const auto& item : items) stream.item(item);
  stream.end_list();
  stream.begin_list("none");
  stream.end_list();
  stream.add("last", "\n");
  stream.finish();
  EXPECT_EQ(pieces.text(), whole.text());
  EXPECT_EQ(pieces.text().find('\n'), pieces.text().size() - 1);
}

TEST(DocumentStream, EndsItsLineWhenItIsCutShortAndIsNothingAsText) {
  Memory out, err;
  Output json(out.stream(), err.stream(), {.command = "log", .format = OutputFormat::kJson});
  {
    DocumentStream(json).begin_list("items");
  }
  EXPECT_EQ(out.text(), "{\"schema\":\"litewright/log/1\",\"items\":[\n");
  Memory people;
  Output text(people.stream(), err.stream(), {.command = "log"});
  DocumentStream nothing(text);
  nothing.add("a", 1);
  nothing.finish();
  EXPECT_EQ(people.text(), "");
}

TEST(Output, ColourOnlyWhereItIsWanted) {
  Memory out;
  const Output plain(out.stream(), out.stream(), {.command = "test"});
  const Output colour(out.stream(), out.stream(), {.command = "test", .colour = true});
  EXPECT_EQ(plain.paint(Ink::kRed, "x"), "x");
  EXPECT_EQ(colour.paint(Ink::kRed, "x"), "\x1b[31mx\x1b[0m");
  std::FILE* null = std::fopen("/dev/null", "w");
  EXPECT_FALSE(wants_colour(null, nullptr)) << "not a terminal";
  EXPECT_EQ(Output(null, null, {.command = "test"}).progress_stream(), nullptr);
  std::fclose(null);
  std::FILE* terminal = std::fopen("/dev/ptmx", "r+");
  if (terminal == nullptr) GTEST_SKIP() << "no pseudo terminals here";
  EXPECT_TRUE(wants_colour(terminal, nullptr));
  EXPECT_TRUE(wants_colour(terminal, ""));
  EXPECT_FALSE(wants_colour(terminal, "1"));
  EXPECT_EQ(Output(stdout, terminal, {.command = "test"}).progress_stream(), terminal);
  EXPECT_EQ(Output(stdout, terminal, {.command = "test", .quiet = true}).progress_stream(), nullptr);
  std::fclose(terminal);
}

TEST(Output, AFullDiskIsAnErrorAndARowOfTheWrongLengthToo) {
  std::FILE* full = std::fopen("/dev/full", "w");
  ASSERT_NE(full, nullptr);
  Output output(full, stderr, {.command = "test"});
  output.answer("buffered");
  try {
    output.flush();
    ADD_FAILURE() << "/dev/full took a line";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_STREQ(error.what(), "write standard output: No space left on device");
  }
  std::fclose(full);
  TextTable table({{"a"}, {"b"}});
  EXPECT_THROW(table.add({"1"}), Error);
}

class HeldClock final : public Clock {
 public:
  WallTime wall() const override { return {}; }
  SteadyTime steady() const override { return SteadyTime(now); }
  std::chrono::nanoseconds now{0};
};

TEST(Progress, SaysHowMuchHowFastAndHowLongStill) {
  Memory err;
  HeldClock clock;
  Progress progress(err.stream(), clock, {.label = "copy", .total = 2'000'000'000});
  progress.advance(100'000'000);
  EXPECT_EQ(err.text(), "") << "not drawn before its time";
  EXPECT_EQ(progress.text(), "copy  5 %  100.0 MB of 2.0 GB");
  clock.now = std::chrono::seconds(2);
  progress.advance(400'000'000);
  EXPECT_EQ(err.text(), "\r\x1b[Kcopy  25 %  500.0 MB of 2.0 GB  250.0 MB/s  6.0 s left");
  progress.advance(1);
  EXPECT_EQ(err.text().find("\r", 1), std::string::npos) << "ten times a second at most";
  progress.finish();
  EXPECT_TRUE(err.text().ends_with("left\r\x1b[K"));
}

TEST(Progress, CountsFromSeveralThreadsAndIsSilentWithoutATerminal) {
  const SystemClock clock;
  Progress progress(nullptr, clock, {.label = "check", .unit = Progress::Unit::kItems});
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) progress.advance(1);
    });
  }
  threads.clear();
  EXPECT_EQ(progress.done(), 4000u);
  EXPECT_TRUE(progress.text().starts_with("check  4000")) << progress.text();
}

}  // namespace
}  // namespace litewright
