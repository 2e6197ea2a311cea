#include "base/shell_words.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>

namespace litewright {
namespace {

// What a shell makes of the word.
std::string through_the_shell(const std::string& word) {
  const std::string command = "bash -c 'eval \"printf %s $WORD\"'";
  ::setenv("WORD", word.c_str(), 1);
  std::FILE* pipe = ::popen(command.c_str(), "r");
  std::array<char, 1024> buffer{};
  const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe);
  ::pclose(pipe);
  return {buffer.data(), size};
}

TEST(ShellWords, LeaveOrdinaryPathsAsTheyAreAndAreOneWordWhateverTheName) {
  struct Case {
    std::string name, word;
  };
  for (const auto& [name, word] :
       std::vector<Case>{{"/data/app-1_2.db", "/data/app-1_2.db"},
                         {"s3://bucket/a=b,c@d", "s3://bucket/a=b,c@d"},
                         {"", "''"},
                         {"/data/x y.db", "'/data/x y.db'"},
                         {"it's.db", "'it'\\''s.db'"},
                         {"$(touch PWN).db", "'$(touch PWN).db'"},
                         {"`id`;a&b|c>d\"e\\f*?~#!.db", "'`id`;a&b|c>d\"e\\f*?~#!.db'"},
                         {"zw\u00f6lf.db", "'zw\u00f6lf.db'"},
                         {"two\nlines'.db", "$'two\\012lines\\'.db'"},
                         {"\x1b[2J\\.db", "$'\\033[2J\\\\.db'"},
                         {"caf\xe9"
                          "7.db",
                          "$'caf\\3517.db'"},
                         {"\u009b31m", "$'\\302\\23331m'"}}) {
    EXPECT_EQ(shell_quoted(name), word);
    EXPECT_EQ(through_the_shell(shell_quoted(name)), name) << word;
  }
}

TEST(Printable, HasNoControlCharacters) {
  EXPECT_EQ(printable("a\nb\x1b[31mc\x7f\r\t"), "a?b?[31mc???");
  EXPECT_EQ(printable("\u009b31m zw\u00f6lf \u20ac"), "?31m zw\u00f6lf \u20ac");
  EXPECT_EQ(printable(std::string_view("\0x", 2)), "?x");
  EXPECT_EQ(printable("caf\xc2"), "caf\xc2");
}

}  // namespace
}  // namespace litewright
