#include "archive/state_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "base/test_folder.h"

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

TEST(StateFolder, ANamedPlaceThatIsNoFolderOfOursIsNotUsed) {
  const TestFolder folder;
  const std::string file = folder.path("file");
  std::ofstream(file) << "x";
  const std::string link = folder.path("link");
  std::filesystem::create_symlink(folder.path(""), link);
  for (const std::string& unusable : {file, link}) {
    const std::string found =
        state_folder(with({{"LITEWRIGHT_STATE", unusable}, {"XDG_STATE_HOME", folder.path("xdg")}}));
    EXPECT_NE(found, unusable);
    EXPECT_EQ(found, ::geteuid() == 0 ? "/var/lib/litewright" : folder.path("xdg/litewright"));
  }
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
