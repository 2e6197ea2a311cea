#include "store/spooling_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "store/faulty_store.h"

namespace litewright {
namespace {

using std::chrono::milliseconds;
using Until = SpoolingStore::Until;
constexpr milliseconds kPatience{30'000};

Bytes bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

std::string name(int number) { return "segments/" + std::to_string(1000 + number); }

std::vector<std::string> names(const ObjectStore& store) {
  std::vector<std::string> found;
  for (const ObjectInfo& object : store.list("segments/")) found.push_back(object.name);
  return found;
}

std::optional<ErrorCode> code_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.code();
  }
  return std::nullopt;
}

SpoolOptions quick(std::uint64_t limit = 1 << 20) {
  SpoolOptions options;
  options.limit_bytes = limit;
  options.patience = milliseconds(50);
  options.first_retry = milliseconds(5);
  options.longest_retry = milliseconds(20);
  return options;
}

// What was told and what arrived, in order.
struct Witness {
  std::function<void(const SpoolStatus&)> told() {
    return [this](const SpoolStatus& status) {
      const std::lock_guard lock(mutex);
      statuses.push_back(status);
    };
  }
  SpoolingStore::Arrived arrived() {
    return [this](std::string_view object, std::uint64_t) {
      const std::lock_guard lock(mutex);
      arrivals.emplace_back(object);
    };
  }
  std::vector<std::string> seen() {
    const std::lock_guard lock(mutex);
    return arrivals;
  }
  SpoolStatus last() {
    const std::lock_guard lock(mutex);
    return statuses.empty() ? SpoolStatus{} : statuses.back();
  }
  std::mutex mutex;
  std::vector<SpoolStatus> statuses;
  std::vector<std::string> arrivals;
};

TEST(SpoolingStore, WhileAllIsWellNothingIsWrittenTwice) {
  FaultyStore far, near;
  Witness witness;
  SpoolingStore store(far, near, quick(), witness.told());
  store.listen(witness.arrived());
  store.start();
  for (int i = 0; i < 50; i++) put_object(store, name(i), bytes("x"));
  EXPECT_TRUE(store.wait(Until::kEmpty, kPatience));
  EXPECT_EQ(far.puts, 50);
  EXPECT_EQ(near.puts, 0);
  EXPECT_EQ(names(far).size(), 50u);
  store.listen(nullptr);
  EXPECT_EQ(witness.seen(), names(far));
  EXPECT_TRUE(witness.statuses.empty());
}

TEST(SpoolingStore, WhatTheFarStoreDoesNotTakeWaitsAndArrivesInOrder) {
  FaultyStore far;
  MemoryStore near;
  Witness witness;
  SpoolingStore store(far, near, quick(), witness.told());
  store.listen(witness.arrived());
  store.start();
  far.failures_left = 1'000'000;
  for (int i = 0; i < 20; i++) put_object(store, name(i), bytes("content " + std::to_string(i)));
  EXPECT_EQ(names(near).size(), 20u);
  EXPECT_TRUE(names(far).empty());
  EXPECT_TRUE(witness.seen().empty());
  EXPECT_EQ(names(store).size(), 20u);
  EXPECT_EQ(read_object(store, name(7)), "content 7");
  EXPECT_TRUE(store.status().trouble);
  EXPECT_FALSE(store.status().in_doubt);
  EXPECT_EQ(store.status().waiting_objects, 20u);
  far.failures_left = 0;
  ASSERT_TRUE(store.wait(Until::kEmpty, kPatience));
  store.listen(nullptr);
  EXPECT_EQ(witness.seen(), names(far));
  EXPECT_EQ(names(far).size(), 20u);
  EXPECT_TRUE(names(near).empty());
  EXPECT_EQ(read_object(far, name(7)), "content 7");
  for (int i = 0; i < 3000 && witness.last().trouble; i++) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_FALSE(witness.last().trouble);
}

TEST(SpoolingStore, AStoreThatHangsDoesNotHoldTheWriter) {
  FaultyStore far;
  MemoryStore near;
  Witness witness;
  SpoolingStore store(far, near, quick(), witness.told());
  store.start();
  far.hold_puts();
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 5; i++) put_object(store, name(i), bytes("x"));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
  EXPECT_EQ(names(near).size(), 5u);
  EXPECT_TRUE(witness.last().trouble);
  far.let_puts_go();
  ASSERT_TRUE(store.wait(Until::kEmpty, kPatience));
  EXPECT_EQ(names(far).size(), 5u);
  EXPECT_TRUE(names(near).empty());
  EXPECT_EQ(far.puts, 5);
}

TEST(SpoolingStore, TheSpoolKeepsItsBoundAndTakesAgainWhatGoesOver) {
  FaultyStore far;
  MemoryStore near;
  Witness witness;
  SpoolingStore store(far, near, quick(3 * 4096), witness.told());
  store.start();
  far.failures_left = 1'000'000;
  for (int i = 0; i < 3; i++) put_object(store, name(i), bytes("x"));
  EXPECT_EQ(code_of([&] { put_object(store, name(3), bytes("x")); }), ErrorCode::kStoreUnreachable);
  EXPECT_TRUE(store.status().full);
  EXPECT_EQ(names(near).size(), 3u);
  far.failures_left = 0;
  ASSERT_TRUE(store.wait(Until::kEmpty, kPatience));
  EXPECT_FALSE(store.status().full);
  put_object(store, name(3), bytes("x"));
  EXPECT_EQ(names(far).size(), 4u);
}

TEST(SpoolingStore, ADiskThatIsToBeLeftAloneIsAFullSpool) {
  FaultyStore far;
  MemoryStore near;
  SpoolOptions options = quick();
  options.near_has_room = [](std::uint64_t) { return false; };
  SpoolingStore store(far, near, options, nullptr);
  store.start();
  far.failures_left = 1'000'000;
  EXPECT_EQ(code_of([&] { put_object(store, name(0), bytes("x")); }), ErrorCode::kStoreUnreachable);
  EXPECT_TRUE(names(near).empty());
  EXPECT_TRUE(store.status().full);
}

TEST(SpoolingStore, WithoutASpoolAFailedPutIsTheWritersAndNothingIsInDoubt) {
  FaultyStore far;
  MemoryStore near;
  SpoolingStore store(far, near, quick(0), nullptr);
  store.start();
  far.failures_left = 1;
  EXPECT_EQ(code_of([&] { put_object(store, name(0), bytes("x")); }), ErrorCode::kStoreUnreachable);
  EXPECT_FALSE(store.status().in_doubt);
  ASSERT_TRUE(store.wait(Until::kFarTakes, kPatience));
  put_object(store, name(0), bytes("x"));
  EXPECT_EQ(names(far).size(), 1u);
}

TEST(SpoolingStore, AnotherRunTakesTheSpoolUpAgain) {
  FaultyStore far;
  MemoryStore near;
  {
    SpoolingStore store(far, near, quick(), nullptr);
    store.start();
    far.failures_left = 1'000'000;
    for (int i = 0; i < 4; i++) put_object(store, name(i), bytes("x"));
  }
  far.failures_left = 0;
  Witness witness;
  SpoolingStore store(far, near, quick(), witness.told());
  EXPECT_EQ(store.waiting().size(), 4u);
  store.discard(name(0));
  store.listen(witness.arrived());
  store.start();
  ASSERT_TRUE(store.wait(Until::kEmpty, kPatience));
  store.listen(nullptr);
  EXPECT_EQ(witness.seen(), (std::vector<std::string>{name(1), name(2), name(3)}));
  EXPECT_TRUE(names(near).empty());
}

// Killed between the put and the removal here.
TEST(SpoolingStore, AnObjectThatIsThereAlreadyIsThereTheSame) {
  FaultyStore far;
  MemoryStore near;
  put_object(near, name(0), bytes("same"));
  put_object(near, name(1), bytes("next"));
  put_object(far, name(0), bytes("same"));
  SpoolingStore store(far, near, quick(), nullptr);
  store.start();
  EXPECT_TRUE(store.wait(Until::kEmpty, kPatience));
  EXPECT_EQ(names(far).size(), 2u);
  EXPECT_TRUE(names(near).empty());
}

TEST(SpoolingStore, AnObjectOfThatNameThatIsAnothersEndsAllPutting) {
  FaultyStore far;
  MemoryStore near;
  put_object(near, name(0), bytes("mine"));
  put_object(far, name(0), bytes("else"));
  SpoolingStore store(far, near, quick(), nullptr);
  store.start();
  while (!store.status().lost) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_EQ(code_of([&] { put_object(store, name(1), bytes("x")); }), ErrorCode::kLocked);
  EXPECT_EQ(names(near).size(), 1u);
  EXPECT_EQ(read_object(far, name(0)), "else");
}

TEST(SpoolingStore, ALargeObjectGoesStraightAndWhenThatFailsIntoTheSpool) {
  FaultyStore far;
  MemoryStore near;
  Witness witness;
  std::atomic<bool> away = false;
  SpoolOptions options = quick(16 << 20);
  options.before_put = [&] {
    if (away) throw Error(ErrorCode::kStoreUnreachable, "away");
  };
  SpoolingStore store(far, near, options, witness.told());
  store.listen(witness.arrived());
  store.start();
  const std::string large(SpoolingStore::kBufferedBytes + 12345, 'x');
  put_object(store, name(0), bytes(large));
  EXPECT_EQ(names(far).size(), 1u);
  EXPECT_EQ(witness.seen().size(), 1u);
  far.failures_left = 1;
  away = true;
  EXPECT_TRUE(code_of([&] { put_object(store, name(1), bytes(large)); }));
  put_object(store, name(1), bytes(large));
  EXPECT_EQ(names(near).size(), 1u);
  EXPECT_EQ(code_of([&] { put_object(store, name(2), bytes(std::string(12 << 20, 'x'))); }),
            ErrorCode::kStoreUnreachable);
  EXPECT_EQ(names(near).size(), 1u);
  away = false;
  ASSERT_TRUE(store.wait(Until::kEmpty, kPatience));
  EXPECT_EQ(names(far).size(), 2u);
  EXPECT_EQ(read_object(far, name(1), 32 << 20), large);
  // What the refused one had reserved is free again.
  EXPECT_EQ(store.status().waiting_bytes, 0u);
  away = true;
  put_object(store, name(3), bytes("x"));
  put_object(store, name(4), bytes(std::string(12 << 20, 'x')));
  EXPECT_EQ(names(near).size(), 2u);
}

TEST(SpoolingStore, AWriterThatWaitsForAHungStoreWithAFullSpoolCanBeInterrupted) {
  FaultyStore far;
  MemoryStore near;
  SpoolingStore store(far, near, quick(0), nullptr);
  store.start();
  far.hold_puts();
  std::optional<ErrorCode> code;
  std::thread writer([&] { code = code_of([&] { put_object(store, name(0), bytes("x")); }); });
  while (!store.status().full) std::this_thread::sleep_for(milliseconds(1));
  store.interrupt(true);
  writer.join();
  EXPECT_EQ(code, ErrorCode::kStoreUnreachable);
  EXPECT_TRUE(store.status().in_doubt);
  EXPECT_FALSE(store.wait(Until::kNothingInDoubt, milliseconds(20)));
  far.let_puts_go();
  EXPECT_TRUE(store.wait(Until::kNothingInDoubt, kPatience));
  store.interrupt(false);
  put_object(store, name(1), bytes("x"));
  EXPECT_EQ(names(far).size(), 2u);
}

TEST(SpoolingStore, BeforeEachPutItIsAskedWhetherTheStoreIsStillOurs) {
  FaultyStore far;
  MemoryStore near;
  std::atomic<bool> away = true;
  SpoolOptions options = quick();
  options.before_put = [&] {
    if (away) throw Error(ErrorCode::kStoreUnreachable, "not mounted");
  };
  SpoolingStore store(far, near, options, nullptr);
  store.start();
  put_object(store, name(0), bytes("x"));
  EXPECT_EQ(far.puts, 0);
  EXPECT_STREQ(store.status().trouble->what(), "not mounted");
  away = false;
  EXPECT_TRUE(store.wait(Until::kEmpty, kPatience));
  EXPECT_EQ(names(far).size(), 1u);
}

}  // namespace
}  // namespace litewright
