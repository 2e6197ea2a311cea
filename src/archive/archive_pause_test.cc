#include "archive/archive_pause.h"

#include <gtest/gtest.h>

#include <atomic>

#include "base/error.h"
#include "base/test_folder.h"
#include "base/thrown_error_test.h"
#include "store/faulty_store.h"

namespace litewright {
namespace {

using nlohmann::json;

TEST(ArchivePause, WithoutAnOwnerNoneBeginsUntilItEnds) {
  const TestFolder folder;
  MemoryStore store;
  const SystemClock clock;
  {
    const ArchivePause pause(store);
    EXPECT_THROW(Ownership(store, clock, folder.path(""), 0), Error);
  }
  const Ownership ownership(store, clock, folder.path(""), 0);
  EXPECT_EQ(ownership.fence(), 1u);
}

TEST(ArchivePause, AnOwnerIsSuspendedAndGoesOnAfterwards) {
  const TestFolder folder;
  MemoryStore store;
  const SystemClock clock;
  const Ownership ownership(store, clock, folder.path(""), 0);
  std::string asked;
  std::atomic<bool> gone = false;
  OwnerSocket socket(
      ownership.socket(),
      [&](const json& request, int) -> json {
        asked = request["op"];
        return json::object();
      },
      [&](int) { gone = true; });
  {
    const ArchivePause pause(store);
    EXPECT_EQ(asked, "suspend");
    EXPECT_FALSE(gone);
  }
  for (int i = 0; i < 3000 && !gone; i++) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(gone);
}

TEST(ArchivePause, AnOwnerThatDoesNotAnswerIsNamed) {
  const TestFolder folder;
  MemoryStore store;
  const SystemClock clock;
  const Ownership ownership(store, clock, folder.path(""), 4711);
  try {
    const ArchivePause pause(store);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kLocked);
    EXPECT_NE(std::string(error.what()).find("4711"), std::string::npos);
  }
}

TEST(ArchivePause, AReadOnlyArchiveThatNobodyOwnedNeedsNoHold) {
  FaultyStore store;
  store.read_only = true;
  const ArchivePause pause(store);
}

TEST(ArchivePause, AReadOnlyArchiveWhoseOwnerCannotBeAskedIsSaid) {
  const TestFolder folder;
  FaultyStore store;
  const SystemClock clock;
  {
    const Ownership gone(store, clock, folder.path(""), 0);
  }
  store.read_only = true;
  EXPECT_EQ(code_of([&store] { const ArchivePause pause(store); }), ErrorCode::kPermission);
}

}  // namespace
}  // namespace litewright
