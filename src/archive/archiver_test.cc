#include "archive/archiver.h"

#include <gtest/gtest.h>

#include <fstream>

#include "archive/follow_samples.h"
#include "store/faulty_store.h"

namespace litewright {
namespace {

using namespace follow_samples;
using nlohmann::json;
using std::chrono::milliseconds;

// An archiver that protects, in a thread of its own.
class RunningArchiver {
 public:
  RunningArchiver(ObjectStore& store, const Application& application)
      : archiver_(store, clock_, ArchiverOptions{.follow = follow_options(application)}, {}),
        thread_([this] { archiver_.protect(); }) {}
  ~RunningArchiver() { stop(); }
  void stop() {
    archiver_.stop();
    if (thread_.joinable()) thread_.join();
  }

 private:
  SystemClock clock_;
  Archiver archiver_;
  std::thread thread_;
};

// The owner needs a moment until it listens and follows.
OwnerClient connected(ObjectStore& store) {
  for (int i = 0; i < 3000; i++) {
    try {
      auto client = OwnerClient::connect(store);
      if (client) {
        client->ask({{"op", "sync"}}, kPatience);
        return std::move(*client);
      }
    } catch (const Error&) {
    }
    std::this_thread::sleep_for(milliseconds(10));
  }
  throw std::runtime_error("the owner does not answer");
}

Txid sync(OwnerClient& client) {
  return Txid(client.ask({{"op", "sync"}}, kPatience)["txid"].get<std::uint64_t>());
}

// Nobody but the application has the database: it can leave WAL mode (FACTS 32).
bool let_go(Application& application) {
  try {
    application.run(".timeout 0\nPRAGMA journal_mode=DELETE;");
  } catch (const std::runtime_error&) {
    return false;
  }
  application.run("PRAGMA journal_mode=WAL;");
  return true;
}

TEST(Archiver, ASecondOneIsRefusedAndToldThePid) {
  Application application;
  MemoryStore store;
  const SystemClock clock;
  const ArchiverOptions options{.follow = follow_options(application), .reported_pid = 4711};
  const Archiver first(store, clock, options, {});
  try {
    const Archiver second(store, clock, options, {});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kLocked);
    EXPECT_NE(std::string(error.what()).find("4711"), std::string::npos);
  }
}

// Each one's pin would block the other's gate, and the WAL would grow without bound.
TEST(Archiver, ASecondOneOfTheSameDatabaseIsRefusedWhateverItsArchive) {
  Application application;
  MemoryStore store;
  MemoryStore other;
  const SystemClock clock;
  const ArchiverOptions options{.follow = follow_options(application), .reported_pid = 4711};
  {
    const Archiver first(store, clock, options, {});
    try {
      const Archiver second(other, clock, options, {});
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kLocked);
      EXPECT_NE(std::string(error.what()).find("by process 4711, into " + store.describe()),
                std::string::npos)
          << error.what();
      EXPECT_NE(error.hint().find("kill 4711"), std::string::npos) << error.hint();
    }
    EXPECT_TRUE(other.list("").empty());  // refused before anything was made
  }
  EXPECT_EQ(Archiver(other, clock, options, {}).backup(std::nullopt).txid.value, 1u);
}

TEST(Archiver, AnotherFileUnderTheNameIsLockedAnew) {
  Application application;
  MemoryStore store;
  RunningArchiver archiver(store, application);
  OwnerClient client = connected(store);
  client.ask({{"op", "suspend"}}, kPatience);
  application.shell.close();
  const std::string old = application.folder.path("old.db");
  std::filesystem::copy_file(application.path, application.folder.path("new.db"));
  std::filesystem::rename(application.path, old);
  std::filesystem::rename(application.folder.path("new.db"), application.path);
  client.ask({{"op", "resume"}}, kPatience);
  OwnerClient again = connected(store);
  const auto lock = [&](const std::string& database) {
    FollowLock(FollowLockOptions{
        .database = database, .state_folder = application.folder.path(""), .archive = "elsewhere"});
  };
  EXPECT_THROW(lock(application.path), Error);
  lock(old);
}

TEST(Archiver, AnswersSyncBackupAndStatusAtItsSocket) {
  Application application;
  MemoryStore store;
  RunningArchiver archiver(store, application);
  OwnerClient client = connected(store);
  const Txid base = sync(client);
  application.insert();
  EXPECT_EQ(sync(client).value, base.value + 1);
  application.insert();
  EXPECT_EQ(client.ask({{"op", "backup"}, {"name", "before-release"}}, kPatience)["txid"], base.value + 2);
  EXPECT_EQ(Catalogue::load(store).find_point("before-release")->txid.value, base.value + 2);
  const json status = client.ask({{"op", "status"}}, kPatience);
  EXPECT_EQ(status["archived"], base.value + 2);
  EXPECT_EQ(status["fence"], 1);
  EXPECT_THROW(client.ask({{"op", "dance"}}, kPatience), Error);
  EXPECT_THROW(client.ask({{"op", 7}}, kPatience), Error);
}

TEST(Archiver, SuspendedItLetsGoOfTheDatabaseUntilTheClientSaysSo) {
  Application application;
  MemoryStore store;
  RunningArchiver archiver(store, application);
  OwnerClient client = connected(store);
  const Txid base = sync(client);
  EXPECT_FALSE(let_go(application));
  application.run(".timeout 20000");
  application.insert();
  client.ask({{"op", "suspend"}}, kPatience);
  EXPECT_EQ(Catalogue::load(store).newest()->txid.value, base.value + 1);  // archived before it let go
  EXPECT_TRUE(let_go(application));
  OwnerClient other = std::move(*OwnerClient::connect(store));
  EXPECT_THROW(other.ask({{"op", "suspend"}}, kPatience), Error);
  other.ask({{"op", "resume"}}, kPatience);  // not the one that suspended
  EXPECT_TRUE(let_go(application));
  client.ask({{"op", "resume"}}, kPatience);
  application.run(".timeout 20000");
  application.insert();
  OwnerClient again = connected(store);
  sync(again);
  archiver.stop();
  EXPECT_EQ(restored_digest(store, application.folder, std::nullopt), application.digest());
}

TEST(Archiver, AClientThatSuspendedItAndDiedLetsItGoOn) {
  Application application;
  MemoryStore store;
  RunningArchiver archiver(store, application);
  {
    OwnerClient client = connected(store);
    client.ask({{"op", "suspend"}}, kPatience);
  }
  application.insert();
  OwnerClient again = connected(store);
  sync(again);
  EXPECT_EQ(restored_digest(store, application.folder, std::nullopt), application.digest());
}

TEST(Archiver, StopsWhileItIsSuspended) {
  Application application;
  MemoryStore store;
  RunningArchiver archiver(store, application);
  OwnerClient client = connected(store);
  client.ask({{"op", "suspend"}}, kPatience);
  archiver.stop();
  EXPECT_TRUE(store.try_hold() == nullptr);  // until it is destroyed
}

TEST(Archiver, BackupGivesThePointOfNowAndNamesIt) {
  Application application;
  MemoryStore store;
  const SystemClock clock;
  for (int i = 1; i <= 3; i++) {
    application.insert();
    Archiver archiver(store, clock, {.follow = follow_options(application)}, {});
    const BackupPoint point = archiver.backup("point-" + std::to_string(i));
    EXPECT_EQ(point.txid.value, static_cast<std::uint64_t>(i));
    EXPECT_EQ(Catalogue::load(store).find_point("point-" + std::to_string(i))->txid, point.txid);
    EXPECT_EQ(restored_digest(store, application.folder, point.txid), application.digest());
  }
}

TEST(Archiver, ABackupThatWasStoppedIsNoBackup) {
  Application application;
  MemoryStore store;
  const SystemClock clock;
  {
    Archiver(store, clock, {.follow = follow_options(application)}, {}).backup(std::nullopt);
  }
  application.run("PRAGMA wal_checkpoint(TRUNCATE);");
  application.insert();
  Archiver archiver(store, clock, {.follow = follow_options(application)}, {});
  archiver.stop();
  try {
    archiver.backup("never");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kLocked);
    EXPECT_FALSE(Catalogue::load(store).find_point("never"));
  }
}

TEST(Archiver, ABackupWhoseStoreTakesNothingEndsWithTheStoresError) {
  Application application;
  application.insert();
  FaultyStore store;
  store.failures_left = 1'000'000;
  const SystemClock clock;
  Archiver archiver(store, clock, {.follow = follow_options(application)}, {});
  try {
    archiver.backup(std::nullopt);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "the store is away");
  }
  EXPECT_GE(store.puts, 3);
}

TEST(Archiver, ADatabaseThatCannotBeFollowedIsSaidAtOnce) {
  Application application;
  MemoryStore store;
  const SystemClock clock;
  FollowOptions follow = follow_options(application);
  follow.database += "-other";
  std::ofstream(follow.database) << std::string(5000, 'x');
  Archiver archiver(store, clock, {.follow = follow}, {});
  try {
    archiver.protect();
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDamaged) << error.what();
  }
}

TEST(Archiver, AFailureWhileFollowingIsReportedAndFollowingBeginsAgain) {
  Application application;
  FaultyStore store;
  const SystemClock clock;
  std::mutex mutex;
  std::string warnings;
  FollowEvents events;
  events.warning = [&](const std::string& text) {
    const std::lock_guard lock(mutex);
    warnings += text + "\n";
  };
  Archiver archiver(store, clock, {.follow = follow_options(application)}, events);
  std::thread thread([&] { archiver.protect(); });
  OwnerClient client = connected(store);
  store.failures_left = 1;
  // A segment of several parts can't be put again: the database is scanned anew.
  application.commit(
      "INSERT INTO orders(body) WITH n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i<120) SELECT "
      "randomblob(100000) FROM n;");
  for (int i = 0; i < 1000 && store.failures_left > 0; i++) std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(store.failures_left, 0);
  OwnerClient again = connected(store);
  sync(again);
  archiver.stop();
  thread.join();
  EXPECT_NE(warnings.find("the store is away; trying again"), std::string::npos) << warnings;
  EXPECT_EQ(restored_digest(store, application.folder, std::nullopt), application.digest());
}

}  // namespace
}  // namespace litewright
