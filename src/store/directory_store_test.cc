#include "store/directory_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "base/error.h"
#include "base/test_folder.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

Bytes bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

std::optional<ErrorCode> code_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.code();
  }
  return std::nullopt;
}

std::string content(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Runs `act` in a process of its own, which says through the pipe that it is ready and is then killed.
void kill_while(const std::function<void()>& act, const std::function<void()>& meanwhile) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    act();
    (void)!write(ready[1], "r", 1);
    while (true) pause();
  }
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  meanwhile();
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
}

TEST(DirectoryStore, makes_nothing_until_something_is_written) {
  const TestFolder folder;
  DirectoryStore store(folder.path("deep/down/archive"));
  EXPECT_TRUE(store.list("").empty());
  store.remove("a");
  EXPECT_FALSE(fs::exists(folder.path("deep")));
  put_object(store, "segments/a", bytes("x"));
  EXPECT_EQ(content(folder.path("deep/down/archive/segments/a")), "x");
  struct stat about{};
  ASSERT_EQ(stat(folder.path("deep/down/archive").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0700u);
  ASSERT_EQ(stat(folder.path("deep/down/archive/segments/a").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600u);
}

TEST(DirectoryStore, follows_no_link_below_its_root) {
  const TestFolder folder;
  fs::create_directories(folder.path("outside"));
  std::ofstream(folder.path("outside/secret")) << "secret";
  DirectoryStore store(folder.path("archive"));
  put_object(store, "kept", bytes("x"));
  fs::create_directory_symlink(folder.path("outside"), folder.path("archive/segments"));
  fs::create_symlink(folder.path("outside/secret"), folder.path("archive/point"));

  EXPECT_EQ(code_of([&] { store.open("segments/secret"); }), ErrorCode::kPermission);
  EXPECT_EQ(code_of([&] { store.open("point"); }), ErrorCode::kPermission);
  EXPECT_EQ(code_of([&] { store.create("segments/new"); }), ErrorCode::kPermission);
  EXPECT_EQ(code_of([&] { store.replace("segments/secret", bytes("y")); }), ErrorCode::kPermission);
  EXPECT_EQ(code_of([&] { store.remove("segments/secret"); }), ErrorCode::kPermission);
  EXPECT_EQ(code_of([&] { store.list("segments/"); }), ErrorCode::kPermission);
  ASSERT_EQ(store.list("").size(), 1u);
  EXPECT_EQ(store.list("")[0].name, "kept");
  store.replace("point", bytes("z"));  // the link itself goes, what it named stays
  EXPECT_EQ(content(folder.path("archive/point")), "z");
  EXPECT_EQ(content(folder.path("outside/secret")), "secret");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path("outside")), {}), 1);
}

TEST(DirectoryStore, takes_a_link_to_its_root_as_the_user_gave_it) {
  const TestFolder folder;
  fs::create_directories(folder.path("disk2"));
  fs::create_directory_symlink(folder.path("disk2"), folder.path("archive"));
  DirectoryStore store(folder.path("archive/"));
  put_object(store, "a", bytes("x"));
  EXPECT_EQ(content(folder.path("disk2/a")), "x");
}

TEST(DirectoryStore, leaves_out_what_is_no_object) {
  const TestFolder folder;
  DirectoryStore store(folder.path("archive"));
  put_object(store, "a", bytes("x"));
  std::ofstream(folder.path("archive/~0123456789abcdef.tmp")) << "half";
  std::ofstream(folder.path("archive/with space")) << "foreign";
  ASSERT_EQ(mkfifo(folder.path("archive/fifo").c_str(), 0600), 0);
  const auto hold = store.try_hold();  // makes "lock"
  ASSERT_EQ(store.list("").size(), 1u);
  EXPECT_EQ(code_of([&] { store.open("fifo"); }), ErrorCode::kDamaged) << "and does not wait for a writer";
}

TEST(DirectoryStore, is_held_across_processes_until_the_holder_is_dead) {
  const TestFolder folder;
  DirectoryStore store(folder.path("archive"));
  std::unique_ptr<ObjectStore::Hold> hold;
  kill_while([&] { hold = store.try_hold(); }, [&] { EXPECT_EQ(store.try_hold(), nullptr); });
  EXPECT_NE(store.try_hold(), nullptr);
}

TEST(DirectoryStore, clears_away_what_killed_writers_left_and_nothing_else) {
  const TestFolder folder;
  DirectoryStore store(folder.path("archive"));
  const auto count = [&] {
    return std::distance(fs::directory_iterator(folder.path("archive/segments")), {});
  };
  std::unique_ptr<ObjectWriter> writer;
  kill_while(
      [&] {
        writer = store.create("segments/killed");
        writer->append(bytes("half"));
      },
      [&] {
        (void)store.try_hold();
        EXPECT_EQ(count(), 1) << "a living writer's file stays";
      });
  EXPECT_EQ(count(), 1);
  EXPECT_TRUE(store.list("").empty());
  (void)store.try_hold();
  EXPECT_EQ(count(), 0);
}

TEST(DirectoryStore, leaves_no_temporary_behind_whatever_became_of_a_writer) {
  const TestFolder folder;
  DirectoryStore store(folder.path("archive"));
  put_object(store, "a", bytes("x"));
  {
    const auto dropped = store.create("b");
  }
  EXPECT_EQ(code_of([&] { put_object(store, "a", bytes("y")); }), ErrorCode::kLocked);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path("archive")), {}), 1);
}

TEST(DirectoryStore, says_that_a_disk_is_full_and_leaves_nothing_half_there) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to mount a tmpfs";
  const TestFolder folder;
  fs::create_directories(folder.path("disk"));
  if (mount("tmpfs", folder.path("disk").c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "may not mount a tmpfs here";
  }
  {
    DirectoryStore store(folder.path("disk/archive"));
    const std::vector<std::byte> much(100'000);
    EXPECT_EQ(code_of([&] { put_object(store, "segments/a", much); }), ErrorCode::kIo);
    EXPECT_TRUE(store.list("").empty());
    EXPECT_TRUE(fs::is_empty(folder.path("disk/archive/segments")));
    const auto writer = store.create("segments/b");
    EXPECT_EQ(code_of([&] { writer->append(much); }), ErrorCode::kIo);
    EXPECT_EQ(code_of([&] { writer->append(bytes("x")); }), ErrorCode::kIo)
        << "what follows a gap is refused";
    EXPECT_EQ(code_of([&] { writer->commit(); }), ErrorCode::kIo);
  }
  EXPECT_EQ(umount2(folder.path("disk").c_str(), MNT_DETACH), 0);
}

TEST(DirectoryStore, says_which_errors_are_the_users_to_mend) {
  const TestFolder folder;
  std::ofstream(folder.path("file")) << "x";
  DirectoryStore in_file(folder.path("file"));
  EXPECT_EQ(code_of([&] { in_file.list(""); }), ErrorCode::kNoDatabase);
  EXPECT_EQ(code_of([&] { in_file.create("a"); }), ErrorCode::kNoDatabase);
  if (geteuid() != 0) GTEST_SKIP() << "needs root for a read-only mount";
  fs::create_directories(folder.path("disk"));
  if (mount("tmpfs", folder.path("disk").c_str(), "tmpfs", MS_RDONLY, "size=64k") != 0) {
    GTEST_SKIP() << "may not mount a tmpfs here";
  }
  DirectoryStore read_only(folder.path("disk/archive"));
  EXPECT_TRUE(read_only.list("").empty());
  EXPECT_EQ(code_of([&] { read_only.create("a"); }), ErrorCode::kPermission);
  EXPECT_EQ(code_of([&] { read_only.try_hold(); }), ErrorCode::kPermission);
  EXPECT_EQ(umount2(folder.path("disk").c_str(), MNT_DETACH), 0);
}

TEST(DirectoryStore, keeps_no_descriptor_when_all_is_closed) {
  const auto descriptors = [] { return std::distance(fs::directory_iterator("/proc/self/fd"), {}); };
  const TestFolder folder;
  const auto before = descriptors();
  {
    DirectoryStore store(folder.path("archive"));
    for (int i = 0; i < 20; ++i) {
      put_object(store, "segments/" + std::to_string(i), bytes("x"));
      EXPECT_EQ(read_object(store, "segments/" + std::to_string(i)), "x");
    }
    EXPECT_EQ(store.list("").size(), 20u);
    (void)store.try_hold();
    (void)code_of([&] { store.open("segments/absent"); });
    EXPECT_EQ(descriptors(), before);
    const auto writer = store.create("w");
    EXPECT_EQ(descriptors(), before + 2) << "a writer's file and its folder";
  }
  EXPECT_EQ(descriptors(), before);
}

TEST(DirectoryStore, reads_more_objects_at_once_than_it_keeps_descriptors) {
  const auto descriptors = [] { return std::distance(fs::directory_iterator("/proc/self/fd"), {}); };
  const TestFolder folder;
  DirectoryStore store(folder.path("archive"));
  put_object(store, "segments/a", bytes("first"));
  const auto before = descriptors();
  std::vector<std::unique_ptr<ObjectReader>> readers;
  for (std::size_t i = 0; i < DirectoryStore::kReadersKeptOpen + 50; ++i)
    readers.push_back(store.open("segments/a"));
  EXPECT_EQ(descriptors(), before + static_cast<std::ptrdiff_t>(DirectoryStore::kReadersKeptOpen));
  std::vector<std::byte> content(5);
  readers.back()->read(0, content);
  EXPECT_TRUE(std::ranges::equal(content, bytes("first")));
  // Of another object under its name it gives nothing.
  store.replace("segments/a", bytes("other"));
  EXPECT_EQ(code_of([&] { readers.back()->read(0, content); }), ErrorCode::kDamaged);
  readers.front()->read(0, content);
  EXPECT_TRUE(std::ranges::equal(content, bytes("first")));
  readers.clear();
  EXPECT_EQ(descriptors(), before);
}

TEST(DirectoryStore, a_held_store_that_was_renamed_away_is_unreachable_and_not_made_anew) {
  const TestFolder folder;
  DirectoryStore store(folder.path("archive"));
  const auto hold = store.try_hold();
  put_object(store, "segments/a", bytes("1"));
  fs::rename(folder.path("archive"), folder.path("elsewhere"));
  EXPECT_EQ(code_of([&] { put_object(store, "segments/b", bytes("2")); }), ErrorCode::kStoreUnreachable);
  EXPECT_EQ(code_of([&] { store.replace("owner.json", bytes("{}")); }), ErrorCode::kStoreUnreachable);
  EXPECT_EQ(code_of([&] { store.list(""); }), ErrorCode::kStoreUnreachable);
  EXPECT_EQ(code_of([&] { store.open("segments/a"); }), ErrorCode::kStoreUnreachable);
  EXPECT_EQ(code_of([&] { store.remove("segments/a"); }), ErrorCode::kStoreUnreachable);
  EXPECT_EQ(code_of([&] { hold->renew(); }), ErrorCode::kStoreUnreachable);
  EXPECT_FALSE(fs::exists(folder.path("archive")));
  // An empty folder in its place, as below an unmounted disk: neither that.
  fs::create_directory(folder.path("archive"));
  EXPECT_FALSE(hold->still_there());
  EXPECT_EQ(code_of([&] { put_object(store, "segments/b", bytes("2")); }), ErrorCode::kStoreUnreachable);
  EXPECT_EQ(code_of([&] { hold->renew(); }), ErrorCode::kStoreUnreachable);
  EXPECT_TRUE(fs::is_empty(folder.path("archive")));
  fs::remove(folder.path("archive"));
  fs::rename(folder.path("elsewhere"), folder.path("archive"));
  EXPECT_TRUE(hold->still_there());
  put_object(store, "segments/b", bytes("2"));
  EXPECT_EQ(store.list("segments/").size(), 2u);
}

TEST(DirectoryStore, a_hold_is_renewed_on_another_copy_of_the_store_unless_somebody_has_it) {
  const TestFolder folder;
  DirectoryStore store(folder.path("archive"));
  const auto hold = store.try_hold();
  put_object(store, "a", bytes("1"));
  fs::rename(folder.path("archive"), folder.path("elsewhere"));
  fs::copy(folder.path("elsewhere"), folder.path("archive"), fs::copy_options::recursive);
  {
    DirectoryStore other(folder.path("archive"));
    const auto others = other.try_hold();
    ASSERT_TRUE(others);
    EXPECT_EQ(code_of([&] { hold->renew(); }), ErrorCode::kLocked);
    EXPECT_FALSE(hold->still_there());
  }
  hold->renew();
  EXPECT_TRUE(hold->still_there());
  put_object(store, "b", bytes("2"));
  DirectoryStore other(folder.path("archive"));
  EXPECT_FALSE(other.try_hold());
}

TEST(DirectoryStore, a_store_that_nobody_holds_any_more_may_be_made_anew) {
  const TestFolder folder;
  DirectoryStore store(folder.path("archive"));
  store.try_hold().reset();
  fs::remove_all(folder.path("archive"));
  put_object(store, "a", bytes("1"));
  EXPECT_EQ(store.list("").size(), 1u);
}

}  // namespace
}  // namespace litewright
