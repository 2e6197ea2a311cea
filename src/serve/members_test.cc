#include "serve/members.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "archive/copy_record.h"
#include "base/test_folder.h"
#include "base/thrown_error_test.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

class MembersTest : public ::testing::Test {
 protected:
  std::string file(const std::string& name) {
    const fs::path path = fs::canonical(folder_.path(".")) / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "x";
    return path.string();
  }
  // "name path archive" of each; `root` stands for the folder.
  std::vector<std::string> members(std::string toml) {
    const std::string root = fs::canonical(folder_.path(".")).string();
    const auto replace_all = [](std::string& text, const std::string& from, const std::string& to) {
      for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    };
    replace_all(toml, "ROOT", root);
    std::vector<std::string> words;
    for (const Member& member : find_members(
             std::make_shared<const Configuration>(parse_configuration(toml, root + "/litewright.toml")))) {
      words.push_back(fmt::format("{} {} {}", member.name, member.path, member.archive));
      replace_all(words.back(), root, "ROOT");
    }
    return words;
  }
  using Words = std::vector<std::string>;
  const TestFolder folder_;
};

TEST_F(MembersTest, OneNamedByPathIsAMemberThoughItDoesNotExist) {
  EXPECT_EQ(members("[[database]]\npath = \"ROOT/app.db\"\n"),
            Words{"app.db ROOT/app.db ROOT/app.db-archive"});
  EXPECT_EQ(members("[[database]]\npath = \"ROOT/app.db\"\nname = \"shop\"\narchive = \"ROOT/backup\"\n"),
            Words{"shop ROOT/app.db ROOT/backup"});
}

TEST_F(MembersTest, AGlobMeansItsFilesNamedByWhatDiffers) {
  for (const char* name : {"t/b.db", "t/a.db", "t/a.db-wal", "srv/x/app.db", "srv/y/app.db"}) file(name);
  fs::create_directory(folder_.path("t/folder.db"));
  EXPECT_EQ(members("[[database]]\nglob = \"ROOT/t/*.db\"\narchive = \"ROOT/backup\"\n"),
            (Words{"a.db ROOT/t/a.db ROOT/backup/a.db", "b.db ROOT/t/b.db ROOT/backup/b.db"}));
  EXPECT_EQ(members("[[database]]\nglob = \"ROOT/srv/*/app.db\"\narchive = \"ROOT/backup\"\n"),
            (Words{"x/app.db ROOT/srv/x/app.db ROOT/backup/x/app.db",
                   "y/app.db ROOT/srv/y/app.db ROOT/backup/y/app.db"}));
  EXPECT_EQ(members("[[database]]\nglob = \"ROOT/nothing/*.db\"\n"), Words{});
}

TEST_F(MembersTest, ADirectoryMeansWhatIsNamedAsADatabaseInIt) {
  for (const char* name : {"d/a.sqlite", "d/b.sqlite3", "d/c.db3", "d/a.txt", "d/deep/e.db"}) file(name);
  EXPECT_EQ(members("[[database]]\ndirectory = \"ROOT/d\"\n"),
            (Words{"a.sqlite ROOT/d/a.sqlite ROOT/d/a.sqlite-archive",
                   "b.sqlite3 ROOT/d/b.sqlite3 ROOT/d/b.sqlite3-archive",
                   "c.db3 ROOT/d/c.db3 ROOT/d/c.db3-archive"}));
}

TEST_F(MembersTest, CopiesThatOurCommandsMadeAreNoneUnlessNamedByPath) {
  for (const char* name :
       {"d/app.db", "d/before-noon.db", "d/other.db", "d/app.db.before-rows-20261128T213000.250Z.db",
        "d/app.db.before-restore-20261128T213000Z", "d/app.db.before-reset-20261128T213000Z-2"}) {
    file(name);
  }
  const std::string copy = file("d/app_backup_manual_20261128_213000.db");
  write_record(copy, {.database = "app.db", .file_bytes = 1});
  std::ofstream(folder_.path("d/other.db.json")) << "{}";
  const Words wanted = {"app.db ROOT/d/app.db ROOT/d/app.db-archive",
                        "before-noon.db ROOT/d/before-noon.db ROOT/d/before-noon.db-archive",
                        "other.db ROOT/d/other.db ROOT/d/other.db-archive"};
  EXPECT_EQ(members("[[database]]\ndirectory = \"ROOT/d\"\n"), wanted);
  EXPECT_EQ(members("[[database]]\nglob = \"ROOT/d/*[bZ2]\"\n"), wanted);
  EXPECT_EQ(members("[[database]]\npath = \"" + copy + "\"\n").size(), 1);
}

TEST_F(MembersTest, EachFileOnceTheOneNamedByPathFirst) {
  file("t/a.db");
  file("t/b.db");
  fs::create_symlink("a.db", folder_.path("t/link.db"));
  EXPECT_EQ(
      members(
          "[[database]]\nglob = \"ROOT/t/*.db\"\n[[database]]\npath = \"ROOT/t/b.db\"\nname = \"main\"\n"),
      (Words{"main ROOT/t/b.db ROOT/t/b.db-archive", "a.db ROOT/t/a.db ROOT/t/a.db-archive"}));
}

TEST_F(MembersTest, WhoseNameIsTakenIsCalledByItsPath) {
  file("one/app.db");
  file("two/app.db");
  EXPECT_EQ(members("[[database]]\npath = \"ROOT/one/app.db\"\n[[database]]\ndirectory = \"ROOT/two\"\n"),
            (Words{"app.db ROOT/one/app.db ROOT/one/app.db-archive",
                   "ROOT/two/app.db ROOT/two/app.db ROOT/two/app.db-archive"}));
}

TEST_F(MembersTest, ANameIsUtf8AndOnesOwnWhateverTheFilesAreCalled) {
  for (const char* name : {"t/caf\xe8.db", "t/caf\xe9.db", "t/caf\xea.db"}) file(name);
  EXPECT_EQ(members("[[database]]\ndirectory = \"ROOT/t\"\n"),
            (Words{"caf\xef\xbf\xbd.db ROOT/t/caf\xe8.db ROOT/t/caf\xe8.db-archive",
                   "ROOT/t/caf\xef\xbf\xbd.db (2) ROOT/t/caf\xe9.db ROOT/t/caf\xe9.db-archive",
                   "ROOT/t/caf\xef\xbf\xbd.db (3) ROOT/t/caf\xea.db ROOT/t/caf\xea.db-archive"}));
}

// A folder that is a link to itself can't be read by anybody, root included.
class UnreadPlaceTest : public MembersTest {
 protected:
  UnreadPlaceTest() {
    file("t/a.db");
    file("t/b.db");
  }
  MembersFound look(const std::string& settings) {
    configuration_ = std::make_shared<const Configuration>(
        parse_configuration("[[database]]\n" + settings, root_ + "/litewright.toml"));
    MembersFound found = look_for_members(configuration_, before_);
    before_ = found.members;
    return found;
  }
  void hide(const std::string& folder) {
    fs::rename(root_ + "/" + folder, root_ + "/away");
    fs::create_symlink(fs::path(folder).filename(), root_ + "/" + folder);
  }
  void show(const std::string& folder) {
    fs::remove(root_ + "/" + folder);
    fs::rename(root_ + "/away", root_ + "/" + folder);
  }
  static Words names(const MembersFound& found) {
    Words words;
    for (const Member& member : found.members) words.push_back(member.name + " " + member.archive);
    return words;
  }
  static Words troubles(const MembersFound& found) {
    Words words;
    for (const Finding& one : found.troubles)
      words.push_back(fmt::format("{} {} {}", severity_name(one.severity), one.id, one.object));
    return words;
  }
  const std::string root_ = fs::canonical(folder_.path(".")).string();
  std::shared_ptr<const Configuration> configuration_;
  std::vector<Member> before_;
};

TEST_F(UnreadPlaceTest, WhoWasThereBeforeAFolderCouldNotBeReadStaysAMember) {
  for (const std::string& settings :
       {"directory = \"" + root_ + "/t\"\n", "glob = \"" + root_ + "/t/*.db\"\narchive = \"/backup\"\n"}) {
    before_.clear();
    const MembersFound seen = look(settings);
    EXPECT_EQ(seen.members.size(), 2u);
    EXPECT_EQ(troubles(seen), Words{});
    EXPECT_TRUE(seen.all_read);
    hide("t");
    for (int look_again = 0; look_again < 2; ++look_again) {
      const MembersFound hidden = look(settings);
      EXPECT_EQ(names(hidden), names(seen));
      const std::string place = settings.starts_with("glob") ? "/t/*.db" : "/t";
      EXPECT_EQ(troubles(hidden), Words{"critical config.not-followed " + root_ + place});
      EXPECT_NE(hidden.troubles.at(0).meaning.find("2 known before stay guarded"), std::string::npos)
          << hidden.troubles[0].meaning;
      EXPECT_FALSE(hidden.all_read);
    }
    show("t");
    EXPECT_EQ(names(look(settings)), names(seen));
    EXPECT_EQ(troubles(look(settings)), Words{});
  }
}

TEST_F(UnreadPlaceTest, OfManyFoldersOneThatCanNotBeReadKeepsItsOwn) {
  file("u/c.db");
  const std::string settings = "glob = \"" + root_ + "/[tu]/*.db\"\n";
  EXPECT_EQ(look(settings).members.size(), 3u);
  hide("t");
  fs::remove(folder_.path("u/c.db"));
  EXPECT_EQ(look(settings).members.size(), 2u) << "who is known to be gone leaves";
  before_.clear();
  EXPECT_EQ(look(settings).members.size(), 0u);
}

TEST_F(UnreadPlaceTest, OneNamedByPathIsWhereItWas) {
  fs::create_directory_symlink("t", folder_.path("link"));
  const std::string settings = "path = \"" + root_ + "/link/a.db\"\n";
  EXPECT_EQ(look(settings).members.at(0).path, root_ + "/t/a.db");
  fs::remove(folder_.path("link"));
  fs::create_symlink("link", folder_.path("link"));
  EXPECT_EQ(look(settings).members.at(0).path, root_ + "/t/a.db");
}

TEST_F(UnreadPlaceTest, APlaceThatMeansNothingIsAWarning) {
  struct Case {
    const char *settings, *trouble, *words;
  };
  for (const Case& one :
       {Case{"directory = \"ROOT/no\"", "warning config.matches-nothing ROOT/no", "no such directory"},
        Case{"glob = \"ROOT/t/[.db\"", "warning config.matches-nothing ROOT/t/[.db", "nothing matches"},
        Case{"glob = \"~/t/*.db\"", "warning config.matches-nothing ~/t/*.db", "'~'"},
        Case{"directory = \"ROOT/t/a.db\"", "critical config.not-followed ROOT/t/a.db", "Not a directory"},
        Case{"glob = \"ROOT/t/*.d\"", "warning config.matches-nothing ROOT/t/*.d", ""}}) {
    std::string settings = one.settings;
    std::string trouble = one.trouble;
    for (std::string* text : {&settings, &trouble}) {
      if (const auto at = text->find("ROOT"); at != std::string::npos) text->replace(at, 4, root_);
    }
    const MembersFound found = look(settings);
    EXPECT_EQ(found.members.size(), 0u);
    ASSERT_EQ(troubles(found), Words{trouble}) << settings;
    EXPECT_NE(found.troubles[0].meaning.find(one.words), std::string::npos) << found.troubles[0].meaning;
  }
  fs::create_directory(folder_.path("empty"));
  EXPECT_EQ(troubles(look("directory = \"" + root_ + "/empty\"")), Words{}) << "who joins it is guarded";
}

TEST_F(MembersTest, AFolderTellsThatItsRightsChanged) {
  file("t/a.db");
  const auto folders = [this] {
    return folders_changed(
        parse_configuration("[[database]]\ndirectory = \"" + folder_.path("t") + "\"\n", "x.toml"));
  };
  const auto before = folders();
  while (folders() == before) fs::permissions(folder_.path("t"), fs::perms::owner_all);
}

TEST_F(MembersTest, AFolderTellsThatSomethingJoined) {
  file("t/a.db");
  const auto folders = [this](const std::string& glob) {
    return folders_changed(
        parse_configuration("[[database]]\nglob = \"" + folder_.path(glob) + "\"\n", "x.toml"));
  };
  const auto before = folders("t/*.db");
  ASSERT_EQ(before.size(), 1u);
  EXPECT_EQ(folders("t/*.db"), before);
  while (folders("t/*.db") == before) file("t/" + std::to_string(std::rand()) + ".db");
}

TEST_F(MembersTest, AFolderBelowAWildcardTellsThatSomethingJoined) {
  file("t/one/a.db");
  const auto folders = [this] {
    return folders_changed(
        parse_configuration("[[database]]\nglob = \"" + folder_.path("t/*/*.db") + "\"\n", "x.toml"));
  };
  const auto before = folders();
  ASSERT_EQ(before.size(), 2u);
  while (folders() == before) file("t/one/" + std::to_string(std::rand()) + ".db");
  file("t/two/a.db");
  EXPECT_EQ(folders().size(), 3u);
}

TEST_F(MembersTest, WhatCannotBeMeantIsAnErrorOfTheConfiguration) {
  for (const char* toml :
       {"[[database]]\npath = \"ROOT/a.db\"\n[[database]]\npath = \"ROOT/a.db\"\n",
        "[[database]]\npath = \"ROOT/a.db\"\nname = \"x\"\n[[database]]\npath = \"ROOT/b.db\"\n"
        "name = \"x\"\n",
        "[[database]]\npath = \"postgresql://host/app\"\n", "[[database]]\npath = \"ROOT/*.db\"\n"}) {
    EXPECT_EQ(code_of([&] { members(toml); }), ErrorCode::kConfig) << toml;
  }
}

TEST_F(MembersTest, TwoMayNotHaveOneArchiveHoweverItIsWritten) {
  const std::string two =
      "[[database]]\npath = \"ROOT/a.db\"\narchive = \"ROOT/arch\"\n[[database]]\npath = \"ROOT/b.db\"\n";
  for (const char* archive : {"ROOT/arch", "ROOT/arch/", "ROOT/x/../arch"}) {
    try {
      members(two + fmt::format("archive = \"{}\"\n", archive));
      ADD_FAILURE() << archive << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kConfig);
      for (const char* name : {"/a.db", "/b.db", "/arch"})
        EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
    }
  }
  EXPECT_EQ(members(two).size(), 2u);
}

}  // namespace
}  // namespace litewright
