// What every driver must keep, run against each of them.
#include "store/object_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/test_folder.h"
#include "store/directory_store.h"
#include "store/memory_store.h"
#include "store/object_name.h"

namespace litewright {
namespace {

Bytes bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

enum class Driver { kMemory, kDirectory };

class ObjectStoreContract : public testing::TestWithParam<Driver> {
 protected:
  ObjectStoreContract() {
    if (GetParam() == Driver::kMemory) store_ = std::make_unique<MemoryStore>();
    if (GetParam() == Driver::kDirectory) store_ = std::make_unique<DirectoryStore>(folder_.path("archive"));
  }
  std::vector<std::string> names(std::string_view prefix) const {
    std::vector<std::string> found;
    for (const auto& info : store_->list(prefix)) found.push_back(info.name);
    return found;
  }

  TestFolder folder_;
  std::unique_ptr<ObjectStore> store_;
};

#define EXPECT_ERROR(statement, expected)                         \
  try {                                                           \
    statement;                                                    \
    ADD_FAILURE() << "nothing was thrown";                        \
  } catch (const Error& error) {                                  \
    EXPECT_EQ(error.code(), ErrorCode::expected) << error.what(); \
  }

TEST_P(ObjectStoreContract, is_empty_where_nothing_was_written) {
  EXPECT_TRUE(store_->list("").empty());
  EXPECT_TRUE(store_->list("segments/").empty());
  EXPECT_ERROR(store_->open("archive.json"), kNoDatabase);
  EXPECT_NO_THROW(store_->remove("archive.json"));
}

TEST_P(ObjectStoreContract, gives_back_what_was_put_at_any_offset) {
  const auto writer = store_->create("segments/a.lws");
  writer->append(bytes("hello "));
  writer->append(bytes(""));
  writer->append(bytes("world"));
  writer->commit();
  const auto reader = store_->open("segments/a.lws");
  EXPECT_EQ(reader->size(), 11u);
  std::string part(5, ' ');
  reader->read(6, std::as_writable_bytes(std::span(part)));
  EXPECT_EQ(part, "world");
  EXPECT_NO_THROW(reader->read(11, {}));
  EXPECT_ERROR(reader->read(7, std::as_writable_bytes(std::span(part))), kDamaged);
  EXPECT_ERROR(reader->read(~0ull - 2, std::as_writable_bytes(std::span(part))), kDamaged);
}

TEST_P(ObjectStoreContract, shows_an_object_only_when_it_is_committed) {
  auto writer = store_->create("segments/a");
  writer->append(bytes("half"));
  EXPECT_TRUE(store_->list("").empty());
  EXPECT_ERROR(store_->open("segments/a"), kNoDatabase);
  writer.reset();
  EXPECT_TRUE(store_->list("").empty());
  put_object(*store_, "segments/a", bytes("whole"));
  EXPECT_EQ(read_object(*store_, "segments/a"), "whole");
}

TEST_P(ObjectStoreContract, never_replaces_an_object_by_commit) {
  const auto late = store_->create("a");
  put_object(*store_, "a", bytes("first"));
  late->append(bytes("second"));
  EXPECT_ERROR(late->commit(), kLocked);
  EXPECT_ERROR(put_object(*store_, "a", bytes("third")), kLocked);
  EXPECT_EQ(read_object(*store_, "a"), "first");
}

TEST_P(ObjectStoreContract, replaces_small_documents_whole) {
  store_->replace("points/x.json", bytes("one"));
  const auto old = store_->open("points/x.json");
  store_->replace("points/x.json", bytes("twenty-two"));
  EXPECT_EQ(read_object(*store_, "points/x.json"), "twenty-two");
  std::string before(3, ' ');
  old->read(0, std::as_writable_bytes(std::span(before)));
  EXPECT_EQ(before, "one") << "an open reader keeps what it opened";
}

TEST_P(ObjectStoreContract, lists_by_prefix_in_ascending_order_of_whole_names) {
  for (const char* name : {"b", "segments/2", "a/z", "segments/10", "a-b", "segments.old", "a.c"}) {
    put_object(*store_, name, bytes(name));
  }
  using Names = std::vector<std::string>;
  EXPECT_EQ(names(""), (Names{"a-b", "a.c", "a/z", "b", "segments.old", "segments/10", "segments/2"}));
  EXPECT_EQ(names("segments/"), (Names{"segments/10", "segments/2"}));
  EXPECT_EQ(names("segments/1"), (Names{"segments/10"}));
  EXPECT_EQ(names("segments"), (Names{"segments.old", "segments/10", "segments/2"}));
  EXPECT_EQ(names("a"), (Names{"a-b", "a.c", "a/z"}));
  EXPECT_EQ(names("nothing/"), Names{});
  EXPECT_EQ(names("../"), Names{});
  EXPECT_EQ(names("/"), Names{});
  EXPECT_EQ(store_->list("segments/10").at(0).size, 11u);
}

TEST_P(ObjectStoreContract, removes_for_good_and_twice) {
  put_object(*store_, "segments/a", bytes("x"));
  store_->remove("segments/a");
  store_->remove("segments/a");
  EXPECT_TRUE(store_->list("").empty());
  put_object(*store_, "segments/a", bytes("again"));
  EXPECT_EQ(read_object(*store_, "segments/a"), "again");
}

TEST_P(ObjectStoreContract, refuses_every_name_that_could_lead_elsewhere) {
  using namespace std::string_view_literals;
  const std::string_view bad[] = {
      "",
      "/",
      "/etc/passwd",
      "a/",
      "/a",
      "a//b",
      ".",
      "..",
      "../a",
      "a/..",
      "a/../b",
      "a/./b",
      "./a",
      "a b",
      "a\\b",
      "a\0b"sv,
      "a\nb",
      "~1.tmp",
      "\xc3\xa4",
      "a:b",
      "a*",
      "lock",
      "1/2/3/4/5/6/7/8/9",
      "%2e%2e/a",
  };
  const std::string longest(kMaxObjectNameBytes, 'a');
  for (const std::string_view name : bad) {
    SCOPED_TRACE(std::string(name));
    EXPECT_ERROR(store_->create(name), kUsage);
    EXPECT_ERROR(store_->open(name), kUsage);
    EXPECT_ERROR(store_->replace(name, {}), kUsage);
    EXPECT_ERROR(store_->remove(name), kUsage);
  }
  EXPECT_ERROR(store_->create(longest + "a"), kUsage);
  EXPECT_TRUE(store_->list("").empty());
}

TEST_P(ObjectStoreContract, is_held_by_one_at_a_time) {
  auto hold = store_->try_hold();
  ASSERT_NE(hold, nullptr);
  EXPECT_EQ(store_->try_hold(), nullptr);
  hold.reset();
  EXPECT_NE(store_->try_hold(), nullptr);
}

TEST_P(ObjectStoreContract, keeps_living_writers_through_a_hold) {
  const auto writer = store_->create("segments/a");
  writer->append(bytes("living"));
  const auto hold = store_->try_hold();
  writer->commit();
  EXPECT_EQ(read_object(*store_, "segments/a"), "living");
}

TEST_P(ObjectStoreContract, lets_one_of_many_threads_make_a_name) {
  std::atomic<int> made = 0, refused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 10; ++round) {
        try {
          put_object(*store_, std::to_string(round), bytes("x"));
          ++made;
        } catch (const Error& error) {
          if (error.code() == ErrorCode::kLocked) ++refused;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(made, 10);
  EXPECT_EQ(refused, 30);
}

TEST_P(ObjectStoreContract, refuses_to_read_whole_what_is_over_the_limit) {
  put_object(*store_, "a", bytes("12345"));
  EXPECT_EQ(read_object(*store_, "a", 5), "12345");
  EXPECT_ERROR(read_object(*store_, "a", 4), kDamaged);
}

INSTANTIATE_TEST_SUITE_P(, ObjectStoreContract, testing::Values(Driver::kMemory, Driver::kDirectory),
                         [](const auto& driver) {
                           return driver.param == Driver::kMemory ? "memory" : "directory";
                         });

}  // namespace
}  // namespace litewright
