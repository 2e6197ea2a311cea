#include "cli/program.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/durable_file.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/help_text.h"
#include "cli/stop_signal.h"
#include "cli/version.h"

namespace litewright {
namespace {

struct Ran {
  int status = 0;
  std::string out;
  std::string err;
};

Ran run_with(
    const CommandTable& table, const std::vector<std::string>& words,
    const Environment& environment = [](const std::string&) { return std::nullopt; }) {
  char* out_text = nullptr;
  char* err_text = nullptr;
  std::size_t out_size = 0;
  std::size_t err_size = 0;
  std::FILE* out = ::open_memstream(&out_text, &out_size);
  std::FILE* err = ::open_memstream(&err_text, &err_size);
  const SystemClock clock;
  Ran ran;
  ran.status = run_program(table, words, {out, err, clock, environment});
  std::fclose(out);
  std::fclose(err);
  ran.out.assign(out_text, out_size);
  ran.err.assign(err_text, err_size);
  std::free(out_text);
  std::free(err_text);
  return ran;
}

Ran run(const std::vector<std::string>& words) { return run_with(make_command_table(), words); }

// A command that prints what it was given, with one of everything.
CommandTable echo_table() {
  return {with_database(
      {.name = "echo",
       .summary = "say what was given",
       .positionals = {{.name = "WORDS", .help = "words", .count = Positional::Count::kAnyNumber}},
       .options = {{.name = "at", .value = "TIME", .help = "a time"},
                   {.name = "output", .letter = 'o', .value = "FILE", .help = "a file"},
                   {.name = "keep", .value = "N", .help = "a number", .repeatable = true},
                   {.name = "format", .value = "F", .help = "a format", .choices = {"text", "nagios"}},
                   {.name = "dry-run", .help = "only say"}},
       .run = [](const Invocation& invocation) {
         std::string text = "db=" + invocation.database().display;
         for (const char* name : {"at", "output", "format", "archive"}) {
           if (const auto value = invocation.value(name)) text += fmt::format(" {}={}", name, *value);
         }
         for (const std::string& keep : invocation.all("keep")) text += " keep=" + keep;
         for (const std::string& word : invocation.all("WORDS")) text += " word=" + word;
         if (invocation.flag("dry-run")) text += " dry";
         if (invocation.flag("quiet")) text += " quiet";
         invocation.session.output.answer(text);
         return 2;
       }})};
}

TEST(Program, ParsesOptionsInEveryFormThatPeopleType) {
  struct Case {
    std::vector<std::string> words;
    const char* out;
  };
  const std::vector<Case> cases = {
      {{"echo", "a.db"}, "db=a.db"},
      {{"echo", "a.db", "--at", "-15m"}, "db=a.db at=-15m"},
      {{"echo", "--at=-15m", "a.db"}, "db=a.db at=-15m"},
      {{"echo", "--at", "yesterday 18:00", "a.db"}, "db=a.db at=yesterday 18:00"},
      {{"echo", "a.db", "-o", "out.db", "--dry-run"}, "db=a.db output=out.db dry"},
      {{"echo", "a.db", "-oout.db", "-q"}, "db=a.db output=out.db quiet"},
      {{"echo", "--keep", "1", "a.db", "w", "--keep=2", "x"}, "db=a.db keep=1 keep=2 word=w word=x"},
      {{"echo", "--format", "nagios", "a.db"}, "db=a.db format=nagios"},
      {{"--quiet", "echo", "a.db", "--archive", "/b c"}, "db=a.db archive=/b c quiet"},
      {{"echo", "--", "-a.db"}, "db=-a.db"},
  };
  for (const Case& c : cases) {
    const Ran ran = run_with(echo_table(), c.words);
    EXPECT_EQ(ran.out, std::string(c.out) + "\n");
    EXPECT_EQ(ran.err, "");
    EXPECT_EQ(ran.status, 2) << "the command's own status";
  }
}

TEST(Program, WithoutAnArgumentTheEnvironmentNamesTheDatabase) {
  const auto environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "DATABASE_URL") return "sqlite+aiosqlite:////data/app.db";
    return std::nullopt;
  };
  EXPECT_EQ(run_with(echo_table(), {"echo"}, environment).out, "db=/data/app.db\n");
  EXPECT_EQ(run_with(echo_table(), {"echo", "b.db"}, environment).out, "db=b.db\n");
}

TEST(Program, AWrongCommandLineEndsWith64OneLineAndAHint) {
  struct Case {
    std::vector<std::string> words;
    const char* err;
  };
  const std::vector<Case> cases = {
      {{"ehco"}, "litewright: no such command: ehco\nhint: did you mean litewright echo?\n"},
      {{"frobnicate"}, "litewright: no such command: frobnicate\nhint: litewright help\n"},
      {{"--frob"}, "litewright: no such option: --frob\nhint: litewright help\n"},
      {{"echo", "a.db", "--archiv", "x"},
       "litewright: echo has no option --archiv\nhint: did you mean --archive?\n"},
      {{"echo", "a.db", "--zzzzzzz=1"},
       "litewright: echo has no option --zzzzzzz\nhint: litewright help echo\n"},
      {{"echo", "a.db", "-z"}, "litewright: echo has no option -z\nhint: litewright help echo\n"},
      {{"echo", "a.db", "--at"}, "litewright: --at: 1 required TIME missing\nhint: litewright help echo\n"},
      {{"echo", "a.db", "--at", "x", "--at", "y"},
       "litewright: --at was given 2 times\nhint: litewright help echo\n"},
      {{"echo", "a.db", "--format", "xml"},
       "litewright: --format is none of text, nagios: 'xml'\nhint: litewright help echo\n"},
      {{"echo"},
       "litewright: no database was named, and neither $DATABASE_URL nor $DATABASE_PATH is set\n"
       "hint: name a database file\n"},
  };
  for (const Case& c : cases) {
    const Ran ran = run_with(echo_table(), c.words);
    EXPECT_EQ(ran.err, c.err);
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(ran.status, 64);
  }
  EXPECT_EQ(run({"completions"}).err,
            "litewright: completions needs SHELL\nhint: litewright help completions\n");
  EXPECT_EQ(run({"version", "x"}).err, "litewright: unexpected 'x'\nhint: litewright help version\n");
}

TEST(Program, WithJsonAnErrorIsAnObjectToo) {
  const Ran ran = run({"version", "--jsn", "--json"});
  EXPECT_EQ(ran.out, R"({"schema":"litewright/error/1","status":64,"message":"version has no option --jsn",)"
                     R"("hint":"did you mean --json?"})"
                     "\n");
  EXPECT_EQ(ran.err, "litewright: version has no option --jsn\nhint: did you mean --json?\n");
}

TEST(Program, WhateverIsThrownIsReportedOnce) {
  struct Case {
    std::function<int(const Invocation&)> act;
    int status;
    const char* err;
  };
  const std::vector<Case> cases = {
      {[](const Invocation&) -> int { throw Error(ErrorCode::kLocked, "busy", "wait"); }, 75,
       "litewright: busy\nhint: wait\n"},
      {[](const Invocation&) -> int { throw Error(ErrorCode::kDamaged, "torn"); }, 65, "litewright: torn\n"},
      {[](const Invocation&) -> int { throw std::bad_alloc(); }, 74,
       "litewright: out of memory\nhint: give the process more memory\n"},
      {[](const Invocation& invocation) { return invocation.flag("none") ? 1 : 0; }, 70,
       "litewright: the command act describes no 'none'\n"},
  };
  for (const Case& c : cases) {
    const CommandTable table = {{.name = "act", .run = c.act}};
    const Ran ran = run_with(table, {"act"});
    EXPECT_EQ(ran.status, c.status);
    EXPECT_EQ(ran.err, c.err);
  }
}

TEST(Program, HelpComesInEveryPlaceWhereItIsAskedFor) {
  const std::string overview = run({}).out;
  EXPECT_NE(overview.find("\n  version "), std::string::npos);
  EXPECT_EQ(run({"help"}).out, overview);
  EXPECT_EQ(run({"--help"}).out, overview);
  EXPECT_EQ(run({"-h"}).out, overview);
  const std::string version = run({"help", "version"}).out;
  EXPECT_NE(version.find("usage: litewright version\n"), std::string::npos);
  EXPECT_EQ(run({"version", "--help"}).out, version);
  EXPECT_EQ(run({"--help", "version"}).out, version);
  EXPECT_NE(run({"completions", "-h"}).out.find("SHELL"), std::string::npos) << "no positional needed";
  EXPECT_EQ(run({"help", "vresion"}).err,
            "litewright: no such command: vresion\nhint: did you mean litewright version?\n");
  EXPECT_EQ(run({"help", "--man", "--markdown"}).status, 64);
}

TEST(Program, SaysItsVersion) {
  EXPECT_EQ(run({"version"}).out, fmt::format("litewright {}\n", kVersion));
  EXPECT_EQ(run({"--version"}).out, fmt::format("litewright {}\n", kVersion));
  EXPECT_EQ(run({"version", "--json"}).out,
            fmt::format("{{\"schema\":\"litewright/version/1\",\"version\":\"{}\"}}\n", kVersion));
}

TEST(Program, DocumentedReferenceIsWhatTheProgramPrints) {
  const std::string file = LITEWRIGHT_SOURCE_DIR "/docs/commands.md";
  EXPECT_EQ(read_whole_file(file, 1 << 20), run({"help", "--markdown"}).out)
      << "write it anew: build/release/litewright help --markdown > docs/commands.md";
}

// "litewright log app.db | head" -> {"log", "app.db"}. Examples quote with ' or " only.
std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  bool begun = false;
  char quote = 0;
  for (const char c : line + " ") {
    if (quote != 0) {
      if (c != quote) word += c;
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
      begun = true;
    } else if (c == '|' || c == '>' || c == '&' || c == ';') {
      break;
    } else if (c != ' ') {
      word += c;
      begun = true;
    } else if (begun) {
      words.push_back(std::exchange(word, ""));
      begun = false;
    }
  }
  return words;
}

TEST(CommandTable, EveryExampleParsesAndEveryDescriptionIsWhole) {
  const CommandTable table = make_command_table();
  for (const Command& command : table) {
    EXPECT_TRUE(command.run) << command.name;
    EXPECT_FALSE(command.summary.empty()) << command.name;
    EXPECT_FALSE(command.summary.ends_with('.')) << command.name;
    EXPECT_FALSE(command.examples.empty()) << command.name;
    for (const Option& option : all_options(command)) EXPECT_FALSE(option.help.empty()) << option.name;
    for (const Example& example : command.examples) {
      std::vector<std::string> words = words_of(example.line);
      ASSERT_FALSE(words.empty());
      EXPECT_EQ(words[0], "litewright") << example.line;
      words.erase(words.begin());
      EXPECT_NO_THROW(EXPECT_EQ(parse_command_line(table, words).command->name, command.name))
          << example.line;
    }
  }
}

// The shells themselves judge the scripts; those that are not installed are left out.
TEST(Completions, EveryShellAcceptsItsScript) {
  int judged = 0;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    if (std::system(fmt::format("command -v {} >/dev/null 2>&1", shell).c_str()) != 0) continue;
    const std::string file = fmt::format("{}/completion-{}.{}", testing::TempDir(), ::getpid(), shell);
    const std::string script = run({"completions", shell}).out;
    write_file_durably(file, std::as_bytes(std::span(script)));
    EXPECT_EQ(std::system(fmt::format("{} -n '{}'", shell, file).c_str()), 0) << shell;
    ::unlink(file.c_str());
    ++judged;
  }
  EXPECT_GE(judged, 1) << "bash at least is everywhere";
}

TEST(Completions, BashCompletesCommandsOptionsAndChoices) {
  const std::string file = fmt::format("{}/completion-{}.bash", testing::TempDir(), ::getpid());
  const std::string script = run({"completions", "bash"}).out;
  write_file_durably(file, std::as_bytes(std::span(script)));
  const auto completes = [&](const std::string& words, int at) {
    const std::string answer = file + ".out";
    const std::string line = fmt::format(
        "bash -c \"source '{}'; COMP_WORDS=({}); COMP_CWORD={}; _litewright; echo \\${{COMPREPLY[*]}}\" > "
        "'{}'",
        file, words, at, answer);
    EXPECT_EQ(std::system(line.c_str()), 0);
    const std::string text = read_whole_file(answer, 1 << 16);
    ::unlink(answer.c_str());
    return text;
  };
  EXPECT_EQ(completes("litewright vers", 1), "version\n");
  EXPECT_EQ(completes("litewright version --j", 2), "--json\n");
  EXPECT_EQ(completes("litewright completions z", 2), "zsh\n");
  EXPECT_EQ(completes("litewright help comp", 2), "completions\n");
  ::unlink(file.c_str());
}

TEST(Nearest, FindsWhatWasMeantAndNothingWhereNothingIsNear) {
  const std::vector<std::string> names = {"backup", "restore", "verify", "log", "sync"};
  EXPECT_EQ(nearest("bakcup", names), "backup");
  EXPECT_EQ(nearest("retsore", names), "restore");
  EXPECT_EQ(nearest("verfy", names), "verify");
  EXPECT_EQ(nearest("logs", names), "log");
  EXPECT_EQ(nearest("zzz", names), "");
  EXPECT_EQ(nearest("frobnicate", names), "");
  EXPECT_EQ(nearest(std::string(1000, 'x'), names), "");
}

TEST(StopSignal, NotesASignalWakesTheSleeperAndGivesTheHandlerBack) {
  struct sigaction before = {};
  ::sigaction(SIGTERM, nullptr, &before);
  {
    const StopSignal stop;
    EXPECT_FALSE(stop.requested());
    EXPECT_FALSE(stop.wait_for(std::chrono::milliseconds(1)));
    EXPECT_THROW(StopSignal(), Error) << "one at a time";
    std::jthread sender([] { ::kill(::getpid(), SIGTERM); });
    EXPECT_TRUE(stop.wait_for(std::chrono::seconds(10)));
    EXPECT_EQ(stop.signal(), SIGTERM);
    ::raise(SIGINT);
    EXPECT_EQ(stop.signal(), SIGTERM) << "the first one counts";
  }
  struct sigaction after = {};
  ::sigaction(SIGTERM, nullptr, &after);
  EXPECT_EQ(after.sa_handler, before.sa_handler);
  EXPECT_FALSE(StopSignal().requested()) << "a new one has seen nothing";
}

TEST(StopSignal, HandsASignalOnToTheHandlerThatWasThereBefore) {
  static volatile std::sig_atomic_t heard = 0;
  ::signal(SIGTERM, [](int) { heard = heard + 1; });
  {
    const StopSignal stop;
    ::raise(SIGTERM);
    EXPECT_EQ(heard, 0);
  }
  EXPECT_EQ(heard, 1);
  {
    const StopSignal quiet;
  }
  EXPECT_EQ(heard, 1);
  ::signal(SIGTERM, SIG_DFL);
}

TEST(StopSignal, AnIgnoredHangupStaysIgnored) {
  ::signal(SIGHUP, SIG_IGN);
  {
    const StopSignal stop;
    ::raise(SIGHUP);
    EXPECT_FALSE(stop.requested());
  }
  ::signal(SIGHUP, SIG_DFL);
}

}  // namespace
}  // namespace litewright
