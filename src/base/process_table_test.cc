#include "base/process_table.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <functional>

#include "base/durable_file.h"
#include "base/process_origin_linux.h"
#include "base/process_table_linux.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

// A real process: runs `act` in a child, waits until it is done with it, ends it with the scope.
class Child {
 public:
  explicit Child(const std::function<void()>& act) {
    std::array<int, 2> ready = {};
    if (::pipe(ready.data()) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      act();
      if (::write(ready[1], "r", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    char byte = 0;
    if (::read(ready[0], &byte, 1) != 1) std::abort();
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~Child() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
};

void lock_posix(int fd, short type, off_t first, off_t length) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = first;
  lock.l_len = length;
  if (::fcntl(fd, F_SETLK, &lock) != 0) ::_exit(1);
}

class ProcessTableTest : public testing::Test {
 protected:
  ProcessTableTest() {
    std::string pattern = (fs::temp_directory_path() / "processes-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    database_ = folder_ / "app.db";
    for (const fs::path& file : database_files(database_)) write_file_durably(file, {}, 0666);
  }
  ~ProcessTableTest() override { fs::remove_all(folder_); }

  FileHolders holders(OwnProcess own = OwnProcess::kExclude) const {
    return LinuxProcessTable().who_has_open(database_files(database_), own);
  }

  fs::path folder_;
  fs::path database_;
};

TEST_F(ProcessTableTest, NobodyHoldsAFileThatIsClosedOrAbsent) {
  EXPECT_TRUE(holders().holders.empty());
  const FileHolders absent = LinuxProcessTable().who_has_open({folder_ / "none"}, OwnProcess::kInclude);
  EXPECT_TRUE(absent.holders.empty());
}

TEST_F(ProcessTableTest, AShellThatHoldsTheDatabaseIsNamedWithItsCommandAndStart) {
  const WallTime before = SystemClock().wall();
  const fs::path pid_file = folder_ / "pid";
  const pid_t shell = ::fork();
  if (shell == 0) {
    const std::string script = "exec 3<'" + database_.string() + "'; echo r > '" + pid_file.string() +
                               "'; while :; do sleep 60 3<&-; done";
    ::setsid();
    ::execl("/bin/sh", "sh", "-c", script.c_str(), "held by\ttest", nullptr);
    ::_exit(127);
  }
  for (int i = 0; i < 500 && !fs::exists(pid_file); ++i) ::usleep(10'000);
  const FileHolders found = holders();
  ::kill(-shell, SIGKILL);
  ::waitpid(shell, nullptr, 0);
  ASSERT_EQ(found.holders.size(), 1u);
  const FileHolder& holder = found.holders[0];
  EXPECT_EQ(holder.pid, shell);
  EXPECT_TRUE(holder.command_line.starts_with("sh -c exec 3<")) << holder.command_line;
  EXPECT_TRUE(holder.command_line.ends_with("held by?test")) << holder.command_line;
  EXPECT_FALSE(holder.user.empty());
  ASSERT_TRUE(holder.started.has_value());
  // The kernel tells the boot in whole seconds.
  EXPECT_LT(std::chrono::abs(*holder.started - before), std::chrono::seconds(3));
  ASSERT_EQ(holder.files.size(), 1u);
  EXPECT_EQ(holder.files[0].file, database_);
  EXPECT_TRUE(holder.files[0].open);
  EXPECT_TRUE(holder.files[0].locks.empty());
  EXPECT_NE(describe(holder).find("(pid " + std::to_string(shell) + ", user " + holder.user + ")"),
            std::string::npos);
}

TEST_F(ProcessTableTest, PosixLocksAreTold) {
  const Child child([&] {
    const int main_file = ::open(database_.c_str(), O_RDWR);
    const int shm = ::open((database_.string() + "-shm").c_str(), O_RDWR);
    lock_posix(main_file, F_RDLCK, 0x40000002, 510);
    lock_posix(shm, F_RDLCK, 123, 1);
    lock_posix(shm, F_RDLCK, 124, 1);  // merged with the one before
    lock_posix(shm, F_WRLCK, 120, 1);
  });
  const FileHolders found = holders();
  ASSERT_EQ(found.holders.size(), 1u);
  const std::vector<HeldFile>& files = found.holders[0].files;
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[0].file, database_);
  ASSERT_EQ(files[0].locks.size(), 1u);
  EXPECT_EQ(files[0].locks[0].kind, HeldLock::Kind::kPosix);
  EXPECT_EQ(files[0].locks[0].mode, HeldLock::Mode::kRead);
  EXPECT_EQ(files[0].locks[0].first, 0x40000002u);
  EXPECT_EQ(files[0].locks[0].last, 0x40000002u + 509);
  EXPECT_EQ(files[1].file, database_.string() + "-shm");
  ASSERT_EQ(files[1].locks.size(), 2u);
  EXPECT_EQ(files[1].locks[0].mode, HeldLock::Mode::kWrite);
  EXPECT_TRUE(files[1].locks[0].covers(120));
  EXPECT_FALSE(files[1].locks[0].covers(121));
  EXPECT_TRUE(files[1].locks[1].covers(123));
  EXPECT_TRUE(files[1].locks[1].covers(124));
}

TEST_F(ProcessTableTest, OpenFileLocksBelongToTheProcessThatHasTheDescriptor) {
  const Child child([&] {
    const int fd = ::open(database_.c_str(), O_RDWR);
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = 7;
    lock.l_len = 0;
    if (::fcntl(fd, F_OFD_SETLK, &lock) != 0) ::_exit(1);
  });
  const FileHolders found = holders();
  ASSERT_EQ(found.holders.size(), 1u) << "not a second time as a holder without a pid";
  EXPECT_EQ(found.holders[0].pid, child.pid());
  ASSERT_EQ(found.holders[0].files[0].locks.size(), 1u);
  EXPECT_EQ(found.holders[0].files[0].locks[0].kind, HeldLock::Kind::kOpenFile);
  EXPECT_EQ(found.holders[0].files[0].locks[0].last, HeldLock::kToEndOfFile);
}

TEST_F(ProcessTableTest, OurOwnProcessCountsOnlyWhenAskedFor) {
  const FileDescriptor mine = open_file(folder_ / "app.db-wal", O_RDONLY);
  EXPECT_TRUE(holders(OwnProcess::kExclude).holders.empty());
  const FileHolders found = holders(OwnProcess::kInclude);
  ASSERT_EQ(found.holders.size(), 1u);
  EXPECT_EQ(found.holders[0].pid, ::getpid());
  ASSERT_EQ(found.holders[0].files.size(), 1u);
  EXPECT_EQ(found.holders[0].files[0].file, folder_ / "app.db-wal");
  EXPECT_FALSE(found.holders[0].files[0].for_writing);
  const FileDescriptor again = open_file(folder_ / "app.db-wal", O_RDWR);
  EXPECT_TRUE(holders(OwnProcess::kInclude).holders[0].files[0].for_writing);
}

TEST_F(ProcessTableTest, AHardLinkAndADeletedFileAreTheSameFile) {
  fs::create_hard_link(database_, folder_ / "link.db");
  const Child child([&] { ::open((folder_ / "link.db").c_str(), O_RDONLY); });
  fs::remove(folder_ / "link.db");
  ASSERT_EQ(holders().holders.size(), 1u);
  EXPECT_EQ(holders().holders[0].pid, child.pid());
}

// Root looks into everybody; so a child asks as another user and gets only the locks.
TEST_F(ProcessTableTest, WithoutRootOthersAreToldByTheirLocksAndTheRestIsCounted) {
  if (::getuid() != 0) GTEST_SKIP() << "needs root to become another user";
  const Child holder([&] { lock_posix(::open(database_.c_str(), O_RDWR), F_WRLCK, 0x40000001, 1); });
  fs::permissions(folder_, fs::perms::all);
  std::array<int, 2> answer = {};
  ASSERT_EQ(::pipe(answer.data()), 0);
  const pid_t asker = ::fork();
  if (asker == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(1);
    const FileHolders found = holders();
    const bool right = found.unseen_processes >= 1 && found.holders.size() == 1 &&
                       found.holders[0].pid == holder.pid() && !found.holders[0].files[0].open &&
                       found.holders[0].files[0].locks.size() == 1 &&
                       found.holders[0].files[0].locks[0].covers(0x40000001) &&
                       found.holders[0].user == "root" && !found.holders[0].command_line.empty();
    const char byte = right ? 'y' : 'n';
    ::_exit(::write(answer[1], &byte, 1) == 1 ? 0 : 1);
  }
  ::close(answer[1]);
  char byte = 0;
  ASSERT_EQ(::read(answer[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  ::close(answer[0]);
  ::waitpid(asker, nullptr, 0);
}

TEST(LockRow, ParsesTheRowsOfProcLocks) {
  const auto posix = parse_lock_row("1: POSIX  ADVISORY  WRITE 4711 fe:1a:123456789 1073741826 1073742335");
  ASSERT_TRUE(posix.has_value());
  EXPECT_EQ(posix->pid, 4711);
  EXPECT_EQ(posix->device_major, 0xfeu);
  EXPECT_EQ(posix->device_minor, 0x1au);
  EXPECT_EQ(posix->inode, 123456789u);
  EXPECT_EQ(posix->lock, (HeldLock{HeldLock::Kind::kPosix, HeldLock::Mode::kWrite, 1073741826, 1073742335}));
  const auto ofd = parse_lock_row("\t2: OFDLCK ADVISORY  READ -1 00:2a:9 0 EOF");
  ASSERT_TRUE(ofd.has_value());
  EXPECT_EQ(ofd->pid, -1);
  EXPECT_EQ(ofd->lock,
            (HeldLock{HeldLock::Kind::kOpenFile, HeldLock::Mode::kRead, 0, HeldLock::kToEndOfFile}));
  for (const char* row : {"", "1:", "1: -> POSIX  ADVISORY  WRITE 4711 fe:1a:123456789 0 EOF",
                          "1: POSIX ADVISORY WRITE x fe:1a:1 0 EOF", "1: POSIX ADVISORY WRITE 1 fe1a1 0 EOF",
                          "1: POSIX ADVISORY WRITE 1 fe:1a1 0 EOF", "1: POSIX ADVISORY WRITE 1 fe:1a:1 0",
                          "1: POSIX ADVISORY WRITE 1 : 0 EOF", "1: POSIX ADVISORY WRITE 1 fe:1a:1 0 EOL"}) {
    EXPECT_FALSE(parse_lock_row(row).has_value()) << row;
  }
}

TEST_F(ProcessTableTest, WhoHasAFileThatWasDeletedOrReplacedIsToldApart) {
  const Child child([&] { ::open(database_.c_str(), O_RDWR); });
  fs::rename(folder_ / "app.db-wal", database_);
  const FileHolders found = holders();
  EXPECT_TRUE(found.holders.empty());
  ASSERT_EQ(found.stale.size(), 1u);
  EXPECT_EQ(found.stale[0].pid, child.pid());
  EXPECT_EQ(found.stale[0].files.at(0).file, database_);
}

TEST(ProcessOrigin, ContainersAndInnerPidsAreRead) {
  const std::string id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  EXPECT_EQ(container_of("0::/system.slice/docker-" + id + ".scope\n"), "0123456789ab");
  EXPECT_EQ(container_of("5:cpu:/\n4:memory:/kubepods/pod7/" + id), "0123456789ab");
  EXPECT_EQ(container_of("0::/lxc.payload.web/init\n"), "web");
  EXPECT_EQ(container_of("0::/machine.slice/machine-db.scope/x"), "db");
  EXPECT_EQ(container_of("0::/user.slice/session-1.scope\n"), "");
  EXPECT_EQ(innermost_pid("Name:\tx\nNSpid:\t4711\t12\t1\nOther:\t2\n"), 1);
  EXPECT_EQ(innermost_pid("Name:\tx\nNSpid:\t4711\n"), 0);
  EXPECT_EQ(innermost_pid("Name:\tx\n"), 0);
}

}  // namespace
}  // namespace litewright
