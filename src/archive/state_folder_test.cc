#include "archive/state_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <map>

#include "base/test_folder.h"
#include "base/thrown_error_test.h"

namespace litewright {
namespace {

Environment with(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

TEST(StateFolder, IsTheOneNamedAndMadeForItsOwnerAlone) {
  const TestFolder folder;
  const std::string named = folder.path("deep/er/state");
  EXPECT_EQ(state_folder(with({{"LITEWRIGHT_STATE", named}, {"HOME", folder.path("home")}})), named);
  struct stat status{};
  ASSERT_EQ(::stat(named.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
  EXPECT_EQ(state_folder(with({{"LITEWRIGHT_STATE", named}})), named);
}

TEST(StateFolder, ANamedPlaceThatCanNotBeUsedIsAnErrorAndNoOtherIsTaken) {
  const TestFolder folder;
  std::ofstream(folder.path("file")) << "x";
  std::filesystem::create_symlink(folder.path("nothing"), folder.path("astray"));
  std::filesystem::create_symlink("/", folder.path("elsewhere"));
  struct Case {
    std::string named, words;
  };
  std::vector<Case> cases = {{folder.path("file"), "no folder"},
                             {folder.path("file/below"), "Not a directory"},
                             {folder.path("astray"), "No such file"}};
  if (::geteuid() == 0) {
    std::filesystem::create_directory(folder.path("theirs"));
    ASSERT_EQ(::chown(folder.path("theirs").c_str(), 65534, 65534), 0);
    std::filesystem::create_directory(folder.path("ours"));
    std::filesystem::create_symlink("ours", folder.path("their-link"));
    ASSERT_EQ(::lchown(folder.path("their-link").c_str(), 65534, 65534), 0);
    cases.push_back({folder.path("theirs"), "another user's (uid 65534"});
    cases.push_back({folder.path("their-link"), "a link of another user's (uid 65534"});
  } else {
    cases.push_back({folder.path("elsewhere"), "another user's (uid 0"});
    cases.push_back({"/proc/litewright/state", "can't be made in /proc"});
  }
  for (const Case& one : cases) {
    for (const auto& ask : std::vector<std::function<void()>>{
             [&] {
               state_folder(with({{"LITEWRIGHT_STATE", one.named}, {"XDG_STATE_HOME", folder.path("xdg")}}));
             },
             [&] { require_state_folder(one.named); }}) {
      const auto error = error_of(ask);
      ASSERT_TRUE(error) << one.named;
      EXPECT_EQ(error->code(), ErrorCode::kCantCreate);
      EXPECT_NE(std::string(error->what()).find(one.words), std::string::npos) << error->what();
    }
  }
}

TEST(StateFolder, ALinkIsAsGoodAsWhereItLeads) {
  const TestFolder folder;
  std::filesystem::create_directory(folder.path("private"));
  std::filesystem::create_symlink("private", folder.path("link"));
  EXPECT_EQ(state_folder(with({{"LITEWRIGHT_STATE", folder.path("link")}})), folder.path("link"));
}

TEST(StateFolder, ToAskWhetherOneCanBeUsedMakesNone) {
  const TestFolder folder;
  require_state_folder(folder.path("deep/er"));
  EXPECT_FALSE(std::filesystem::exists(folder.path("deep")));
}

TEST(StateFolder, FollowsTheUsersFoldersInTheirOrder) {
  if (::geteuid() == 0) GTEST_SKIP() << "root's is /var/lib/litewright";
  const TestFolder folder;
  EXPECT_EQ(state_folder(with({{"XDG_STATE_HOME", folder.path("xdg")}, {"HOME", folder.path("home")}})),
            folder.path("xdg/litewright"));
  EXPECT_EQ(state_folder(with({{"HOME", folder.path("home")}})), folder.path("home/.local/state/litewright"));
}

}  // namespace
}  // namespace litewright
