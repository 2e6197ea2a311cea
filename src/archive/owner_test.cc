#include "archive/owner.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <fstream>
#include <thread>

#include "archive/sealed_document.h"
#include "archive/segment.h"
#include "base/error.h"
#include "base/json_text.h"
#include "base/test_folder.h"
#include "store/memory_store.h"

namespace litewright {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
constexpr milliseconds kPatience{30'000};

struct Owned {
  TestFolder folder;
  MemoryStore store;
  SystemClock clock;
  Ownership ownership{store, clock, folder.path(""), 0};
};

TEST(Ownership, ASecondOneIsRefusedAndToldWhoHasIt) {
  Owned owned;
  try {
    Ownership second(owned.store, owned.clock, owned.folder.path(""), 0);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kLocked);
    EXPECT_NE(std::string(error.what()).find("process " + std::to_string(::getpid())), std::string::npos);
    EXPECT_NE(error.hint().find("kill " + std::to_string(::getpid())), std::string::npos);
  }
}

TEST(Ownership, AClientThatLooksWhetherAnybodyIsThereDoesNotKeepAnOwnerOut) {
  const TestFolder folder;
  MemoryStore store;
  const SystemClock clock;
  auto looking = store.try_hold();
  ASSERT_TRUE(looking);
  std::thread client([&] {
    std::this_thread::sleep_for(milliseconds(60));
    looking.reset();
  });
  EXPECT_NO_THROW(Ownership(store, clock, folder.path(""), 4711));
  client.join();
}

TEST(Ownership, TheFenceGrowsWithEachOwner) {
  const TestFolder folder;
  MemoryStore store;
  const SystemClock clock;
  for (std::uint64_t fence = 1; fence <= 3; fence++) {
    const Ownership ownership(store, clock, folder.path(""), 4711);
    EXPECT_EQ(ownership.fence(), fence);
    EXPECT_EQ(read_owner(store)->fence, fence);
    EXPECT_EQ(read_owner(store)->pid, 4711);
  }
}

TEST(Ownership, AnArchiveNobodyEverOwnedHasNoRecordAndADamagedOneIsSaid) {
  MemoryStore store;
  EXPECT_FALSE(read_owner(store));
  store.replace("owner.json", std::as_bytes(std::span("{\"fence\": ", 10)));
  EXPECT_THROW(read_owner(store), Error);
}

TEST(Ownership, AnotherDocumentInTheRecordsPlaceIsDamage) {
  MemoryStore store;
  const std::string text = seal_document({{"name", "p"}, {"txid", 3}});
  store.replace("owner.json", std::as_bytes(std::span(text)));
  EXPECT_THROW(read_owner(store), Error);
}

TEST(Ownership, ADamagedRecordKeepsNobodyOutAndTheFenceGoesOnAfterTheSegments) {
  const TestFolder folder;
  MemoryStore store;
  const SystemClock clock;
  CommitRecord commit;
  commit.txid = Txid(1);
  SegmentWriter(store, {.header = {.page_size = 512, .fence = 7, .base = Txid(0), .last = Txid(1)}})
      .finish(std::vector{commit}, std::nullopt);
  store.replace("owner.json", std::as_bytes(std::span("{\"fence\": ", 10)));
  EXPECT_FALSE(OwnerClient::connect(store));
  const Ownership ownership(store, clock, folder.path(""), 4711);
  EXPECT_EQ(ownership.fence(), 8u);
  EXPECT_EQ(read_owner(store)->fence, 8u);
}

TEST(OwnerClient, SaysWhatToDoWhereTheRecordOfALivingOwnerIsDamaged) {
  Owned owned;
  owned.store.replace("owner.json", std::as_bytes(std::span("{}")));
  try {
    OwnerClient::connect(owned.store);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDamaged);
    EXPECT_NE(error.hint().find("start its archiver again"), std::string::npos) << error.hint();
  }
}

TEST(OwnerSocket, AnswersRequestsAndCarriesErrorsWithTheirCodeAndHint) {
  Owned owned;
  OwnerSocket socket(
      owned.ownership.socket(),
      [](const json& request, int) -> json {
        if (request["op"] == "fail") throw Error(ErrorCode::kIo, "the disk is full", "make room");
        return {{"echo", request["op"]}};
      },
      [](int) {});
  auto client = OwnerClient::connect(owned.store);
  ASSERT_TRUE(client);
  EXPECT_EQ(client->owner().pid, ::getpid());
  EXPECT_EQ(client->ask({{"op", "a"}}, kPatience)["echo"], "a");
  EXPECT_EQ(client->ask({{"op", std::string(500'000, 'x')}}, kPatience)["echo"], std::string(500'000, 'x'));
  try {
    client->ask({{"op", "fail"}}, kPatience);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_STREQ(error.what(), "the disk is full");
    EXPECT_EQ(error.hint(), "make room");
  }
}

// What is no request is answered with an error, and the owner goes on.
TEST(OwnerSocket, SurvivesWhateverIsSent) {
  Owned owned;
  OwnerSocket socket(
      owned.ownership.socket(),
      [](const json& request, int) -> json { return {{"n", request.at("n").get<int>()}}; }, [](int) {});
  for (const char* line : {"", "garbage", "[1,2]", "{\"n\": \"text\"}", "{}", "{\"n\": 1, \"n\": ", "null"}) {
    auto client = OwnerClient::connect(owned.store);
    const json request = parse_json(line);
    if (request.is_discarded()) continue;
    EXPECT_THROW(client->ask(request, kPatience), Error) << line;
  }
  EXPECT_EQ(OwnerClient::connect(owned.store)->ask({{"n", 3}}, kPatience)["n"], 3);
}

TEST(OwnerSocket, SaysWhenAConnectionIsGone) {
  Owned owned;
  std::atomic<int> asked{-1};
  std::atomic<int> gone{-1};
  OwnerSocket socket(
      owned.ownership.socket(),
      [&](const json&, int connection) -> json {
        asked = connection;
        return json::object();
      },
      [&](int connection) { gone = connection; });
  {
    auto client = OwnerClient::connect(owned.store);
    client->ask(json::object(), kPatience);
    EXPECT_EQ(gone, -1);
  }
  for (int i = 0; i < 3000 && gone < 0; i++) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_EQ(gone, asked);
}

TEST(OwnerSocket, ManyConnectionsOneAfterTheOtherLeaveNoThreadsBehind) {
  Owned owned;
  OwnerSocket socket(
      owned.ownership.socket(), [](const json&, int) -> json { return json::object(); }, [](int) {});
  const auto mappings = [] {
    std::ifstream maps("/proc/self/maps");
    std::string line;
    int lines = 0;
    while (std::getline(maps, line)) lines++;
    return lines;
  };
  const auto connect_often = [&owned] {
    for (int i = 0; i < 200; i++) OwnerClient::connect(owned.store)->ask(json::object(), kPatience);
  };
  connect_often();
  const int before = mappings();
  connect_often();
  // A thread that nobody joined keeps its stack: two mappings each.
  EXPECT_LT(mappings() - before, 100);
}

TEST(OwnerSocket, MoreConnectionsThanItsBoundAreTurnedAwayAndItGoesOn) {
  Owned owned;
  OwnerSocket socket(
      owned.ownership.socket(), [](const json&, int) -> json { return json::object(); }, [](int) {});
  {
    std::vector<OwnerClient> clients;
    for (std::size_t i = 0; i < OwnerSocket::kMaxConnections; i++) {
      clients.push_back(std::move(*OwnerClient::connect(owned.store)));
      clients.back().ask(json::object(), kPatience);
    }
    EXPECT_THROW(OwnerClient::connect(owned.store)->ask(json::object(), kPatience), Error);
  }
  for (int i = 0; i < 1000; i++) {
    try {
      OwnerClient::connect(owned.store)->ask(json::object(), kPatience);
      return;
    } catch (const Error&) {
      std::this_thread::sleep_for(milliseconds(10));
    }
  }
  ADD_FAILURE() << "it did not come back";
}

// One more client than there are descriptors: it is answered as soon as there is one again.
TEST(OwnerSocket, WaitsOutALackOfDescriptors) {
  Owned owned;
  OwnerSocket socket(
      owned.ownership.socket(), [](const json&, int) -> json { return {{"here", true}}; }, [](int) {});
  auto client = OwnerClient::connect(owned.store);
  client->ask(json::object(), kPatience);
  std::vector<int> fillers;
  auto other = OwnerClient::connect(owned.store);  // accepted, or waiting to be
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  owned.ownership.socket().copy(address.sun_path, sizeof address.sun_path - 1);
  const int late = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  for (int filler = ::dup(0); filler >= 0; filler = ::dup(0)) fillers.push_back(filler);
  ASSERT_EQ(errno, EMFILE);
  ASSERT_EQ(::connect(late, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  std::this_thread::sleep_for(milliseconds(200));
  for (const int filler : fillers) ::close(filler);
  ASSERT_EQ(::send(late, "{}\n", 3, MSG_NOSIGNAL), 3);
  const timeval patience{30, 0};
  ::setsockopt(late, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char answer[64] = {};
  EXPECT_GT(::recv(late, answer, sizeof answer - 1, 0), 0);
  EXPECT_EQ(std::string(answer), "{\"here\":true}\n");
  ::close(late);
}

// Clock time passes quicker here: each poll(2) that has an end comes to it at once.
std::atomic<bool> polls_end_at_once = false;

// A client that suspended the owner may take hours (the restore of a large database).
TEST(OwnerSocket, AConnectionThatIsSilentForLongStays) {
  Owned owned;
  std::atomic<bool> gone = false;
  OwnerSocket socket(
      owned.ownership.socket(), [](const json&, int) -> json { return json::object(); },
      [&](int) { gone = true; });
  auto client = OwnerClient::connect(owned.store);
  client->ask(json::object(), kPatience);
  polls_end_at_once = true;
  auto silent = OwnerClient::connect(owned.store);
  std::this_thread::sleep_for(milliseconds(300));
  polls_end_at_once = false;
  EXPECT_FALSE(gone);
  silent->ask(json::object(), kPatience);
}

TEST(OwnerClient, WithoutAnOwnerThereIsNobodyToAsk) {
  const TestFolder folder;
  MemoryStore store;
  const SystemClock clock;
  EXPECT_FALSE(OwnerClient::connect(store));
  {
    const Ownership gone(store, clock, folder.path(""), 0);
  }
  EXPECT_FALSE(OwnerClient::connect(store));
}

TEST(OwnerClient, AnOwnerThatDoesNotListenYetIsNamed) {
  Owned owned;
  try {
    OwnerClient::connect(owned.store);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kLocked);
    EXPECT_NE(std::string(error.what()).find(std::to_string(::getpid())), std::string::npos);
  }
}

TEST(OwnerClient, AnOwnerThatDoesNotAnswerIsLocked) {
  Owned owned;
  std::atomic<bool> end{false};
  OwnerSocket socket(
      owned.ownership.socket(),
      [&](const json&, int) -> json {
        while (!end) std::this_thread::sleep_for(milliseconds(5));
        return json::object();
      },
      [](int) {});
  auto client = OwnerClient::connect(owned.store);
  try {
    client->ask(json::object(), milliseconds(100));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kLocked);
  }
  end = true;
}

}  // namespace
}  // namespace litewright

// In the place of the C library's.
extern "C" int poll(pollfd* waiting, nfds_t count, int timeout) {
  const bool at_once = litewright::polls_end_at_once && timeout >= 0;
  return static_cast<int>(::syscall(SYS_poll, waiting, count, at_once ? 0 : timeout));
}
