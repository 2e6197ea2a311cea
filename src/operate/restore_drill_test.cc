#include "operate/restore_drill.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "archive/archiver.h"
#include "base/test_folder.h"
#include "sqlite/shell_process.h"
#include "store/memory_store.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

// Two commits' worth of history, a scratch folder, and nothing else.
struct Drilled {
  Drilled() {
    ShellProcess shell(folder.path("app.db"));
    shell.run("PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES(42);");
    backup();
    shell.run("INSERT INTO t VALUES(43);");
    backup();
    shell.close();
    fs::create_directory(folder.path("scratch"));
  }
  void backup() {
    FollowOptions follow;
    follow.database = folder.path("app.db");
    follow.state_folder = folder.path("");
    Archiver(store, clock, {.follow = follow}, {}).backup(std::nullopt);
  }
  DrillReport drill(std::optional<std::string> probe, std::optional<Txid> txid = {}) {
    DrillRequest request;
    request.folder = folder.path("scratch");
    request.probe = std::move(probe);
    request.point.tx = txid;
    return drill_restore(store, clock, request);
  }
  bool scratch_is_empty() const { return fs::is_empty(folder.path("scratch")); }

  TestFolder folder;
  MemoryStore store;
  SystemClock clock;
};

TEST(RestoreDrill, RecordsWhatItProvedAndLeavesNothingBehind) {
  Drilled place;
  const DrillReport first = place.drill("SELECT sum(x) FROM t", Txid(1));
  EXPECT_EQ(first.probe_result, "42");
  const DrillReport second = place.drill(std::nullopt);
  EXPECT_TRUE(place.scratch_is_empty());
  const Catalogue catalogue = Catalogue::load(place.store);
  ASSERT_EQ(catalogue.proofs.size(), 2u);
  EXPECT_EQ(catalogue.proofs[0].checks, (std::vector<std::string>{"checksum", "quick_check", "probe"}));
  const RestoreProof* newest = catalogue.newest_proof();
  EXPECT_EQ(newest->txid, Txid(2));
  EXPECT_EQ(newest->checks, (std::vector<std::string>{"checksum", "quick_check"}));
  EXPECT_EQ(newest->checksum, catalogue.newest()->checksum);
  EXPECT_EQ(newest->bytes, std::uint64_t{second.plan.commit.page_count} * second.plan.page_size);
  EXPECT_EQ(newest->bytes_read, second.plan.bytes_to_read);
  EXPECT_GT(newest->restore_time.count(), 0);
}

TEST(RestoreDrill, ProvesNothingWhereAProbeFails) {
  Drilled place;
  for (const char* probe : {"SELECT x FROM t WHERE x = 7", "SELECT no_such_column FROM t"}) {
    EXPECT_THROW(place.drill(probe), Error) << probe;
    EXPECT_TRUE(place.scratch_is_empty()) << probe;
  }
  EXPECT_TRUE(Catalogue::load(place.store).proofs.empty());
}

TEST(RestoreDrill, ProvesNothingOfADamagedArchive) {
  Drilled place;
  const std::string name = place.store.list("segments/").front().name;
  std::string content = read_object(place.store, name);
  content[60] ^= 1;
  place.store.replace(name, std::as_bytes(std::span(content)));
  EXPECT_THROW(place.drill(std::nullopt), Error);
  EXPECT_TRUE(place.scratch_is_empty());
  EXPECT_TRUE(Catalogue::load(place.store).proofs.empty());
}

}  // namespace
}  // namespace litewright
