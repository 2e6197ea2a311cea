// A store in front of a store that may be full, slow, read-only or gone: objects that it does not take are
// kept in a near one, whole and durable, and put in their order when it takes them again.
//
// A put that fails is what fills the spool, or one that takes longer than `patience`; while all is well
// nothing is written twice. Only objects under `prefix` are spooled; every other call goes to the far store.
//
// Threads: one thread puts spooled objects while there are any (a put that hangs hangs there). One thread at
// a time may have a writer of a spooled prefix; everything else from any thread. Invariants: (1) an object is
// forgotten here only when the far store has it; (2) the far store gets the objects in the order in which
// their writers committed; (3) what lies in the near store never exceeds limit_bytes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/passing_thread.h"
#include "store/object_store.h"

namespace litewright {

struct SpoolOptions {
  std::string prefix = "segments/";
  std::uint64_t limit_bytes = 256 << 20;  // of the near store; 0: nothing is spooled
  std::chrono::milliseconds patience{2000};
  std::chrono::milliseconds first_retry{200};
  std::chrono::milliseconds longest_retry{5000};
  // Asked before `bytes` go to the near store: false where its disk is to be left alone.
  std::function<bool(std::uint64_t bytes)> near_has_room = {};
  // Called before each put: throws where the far store must not be written to. Error{kLocked} ends all
  // putting for good: somebody else has it.
  std::function<void()> before_put = {};
};

struct SpoolStatus {
  std::optional<Error> trouble;     // why the far store takes nothing; absent: it does
  std::size_t waiting_objects = 0;  // not in the far store yet
  std::uint64_t waiting_bytes = 0;  // of them, in the near store
  std::uint64_t limit_bytes = 0;
  bool full = false;      // the last object found no room here either
  bool lost = false;      // the far store is somebody else's: nothing is put any more
  bool in_doubt = false;  // an object that is not spooled is on its way: it may arrive or not
};

class SpoolingStore final : public ObjectStore {
 public:
  // Objects that lie in `near` already are waiting, in ascending order of name; none is put before start().
  // `told` is called, on any thread but one at a time, at each failed put, when the near store has no more
  // room, and when trouble is over and nothing waits any more.
  SpoolingStore(ObjectStore& far, ObjectStore& near, SpoolOptions options,
                std::function<void(const SpoolStatus&)> told);
  ~SpoolingStore() override;  // waits for a put that is under way; what is spooled stays

  void start();

  std::vector<ObjectInfo> waiting() const;  // that are in the near store, in their order
  std::size_t waiting_count() const;        // and those on their way
  void discard(std::string_view name);      // before start(): what the far store must not get any more

  // Called for each object under the prefix that the far store has taken, in order, from one thread or
  // another; null ends it, and when that returns no call is under way. An object that waiting() shows
  // afterwards will be told.
  using Arrived = std::function<void(std::string_view name, std::uint64_t bytes)>;
  void listen(Arrived arrived);

  SpoolStatus status() const;
  // Returns when that much is true, or after `timeout`: false.
  enum class Until { kFarTakes, kNothingInDoubt, kEmpty };
  bool wait(Until until, std::chrono::milliseconds timeout) const;

  // A commit() that waits for the far store, and all later ones, throw Error{kStoreUnreachable} until this
  // is called with false.
  void interrupt(bool interrupted);

  std::string describe() const override { return far_.describe(); }
  std::vector<ObjectInfo> list(std::string_view prefix) const override;  // what waits is among them
  // The writer of a spooled object holds up to kBufferedBytes; a larger one goes straight to the far store,
  // or, while that takes nothing, to the near one. commit() returns when it is durable in one of them.
  std::unique_ptr<ObjectWriter> create(std::string_view name) override;
  std::unique_ptr<ObjectReader> open(std::string_view name) const override;
  void replace(std::string_view name, Bytes content) override { far_.replace(name, content); }
  void remove(std::string_view name) override { far_.remove(name); }
  std::unique_ptr<Hold> try_hold() override { return far_.try_hold(); }

  static constexpr std::size_t kBufferedBytes = 4 << 20;

 private:
  struct Entry;
  class Writer;
  using EntryPtr = std::shared_ptr<Entry>;

  bool work_is_due_locked() const;
  void changed_locked();
  void run();
  std::optional<Error> attempt(const Entry* entry);
  void put_far(const Entry& entry);
  bool far_has_the_same(const Entry& entry) const;
  void settle(std::unique_lock<std::mutex>& lock, const EntryPtr& entry, const std::optional<Error>& failure);
  void forget_near(const std::string& name);
  void arrived(const std::string& name, std::uint64_t bytes);
  void note_trouble(std::unique_lock<std::mutex>& lock, const Error& error);
  void tell(std::unique_lock<std::mutex>& lock);
  SpoolStatus status_locked() const;

  // The writer's side.
  bool straight_locked() const { return !trouble_ && waiting_.empty() && !lost_; }
  void check_locked() const;
  void keep(const std::string& name, std::vector<std::byte> content);
  bool wait_for_far(std::unique_lock<std::mutex>& lock, const EntryPtr& entry);
  void spool(std::unique_lock<std::mutex>& lock, const EntryPtr& entry);
  void reserve(std::unique_lock<std::mutex>& lock, std::uint64_t bytes);
  void give_back(std::uint64_t bytes);
  void took_near(const std::string& name, std::uint64_t bytes);

  ObjectStore& far_;
  ObjectStore& near_;
  SpoolOptions options_;
  std::function<void(const SpoolStatus&)> told_;
  std::mutex telling_, listening_;
  Arrived listener_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::deque<EntryPtr> waiting_;
  std::uint64_t used_ = 0;  // bytes of the near store, reserved or written
  std::optional<Error> trouble_, lost_;
  bool troubled_ = false;  // and nothing was told since that it is over
  bool full_ = false, started_ = false, stopping_ = false, interrupted_ = false;
  PassingThread thread_;
};

}  // namespace litewright
