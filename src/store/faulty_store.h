// For tests: a store in memory whose puts fail, or wait, as long as the test says so.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/error.h"
#include "store/memory_store.h"

namespace litewright {

class FaultyStore final : public ObjectStore {
 public:
  std::string place = "faulty";
  std::atomic<int> failures_left{0};   // so many commits of segments fail yet
  std::atomic<int> puts{0};            // commits of segments tried
  std::atomic<int> appends{0};         // to segments
  std::atomic<bool> read_only{false};  // can't be held
  std::chrono::milliseconds append_takes{0};
  std::function<void()> at_first_append = {};  // called once, where a segment gets its first bytes

  // Commits of segments wait between these two.
  void hold_puts() {
    const std::lock_guard lock(mutex_);
    held_ = true;
  }
  void let_puts_go() {
    const std::lock_guard lock(mutex_);
    held_ = false;
    changed_.notify_all();
  }

  std::string describe() const override { return place; }
  std::vector<ObjectInfo> list(std::string_view prefix) const override { return inner_.list(prefix); }
  std::unique_ptr<ObjectReader> open(std::string_view name) const override { return inner_.open(name); }
  void replace(std::string_view name, Bytes content) override { inner_.replace(name, content); }
  void remove(std::string_view name) override { inner_.remove(name); }
  std::unique_ptr<Hold> try_hold() override {
    if (read_only) throw Error(ErrorCode::kPermission, "open lock: Read-only file system");
    return inner_.try_hold();
  }

  std::unique_ptr<ObjectWriter> create(std::string_view name) override {
    class Writer final : public ObjectWriter {
     public:
      Writer(FaultyStore& store, std::unique_ptr<ObjectWriter> inner)
          : store_(store), inner_(std::move(inner)) {}
      void append(Bytes data) override {
        if (const auto call = std::exchange(store_.at_first_append, nullptr)) call();
        store_.appends++;
        std::this_thread::sleep_for(store_.append_takes);
        inner_->append(data);
      }
      void commit() override {
        store_.before_commit();
        inner_->commit();
      }

     private:
      FaultyStore& store_;
      std::unique_ptr<ObjectWriter> inner_;
    };
    if (!name.starts_with("segments/")) return inner_.create(name);
    return std::make_unique<Writer>(*this, inner_.create(name));
  }

 private:
  void before_commit() {
    puts++;
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !held_; });
    if (failures_left > 0) {
      failures_left--;
      throw Error(ErrorCode::kStoreUnreachable, "the store is away");
    }
  }

  MemoryStore inner_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;
};

}  // namespace litewright
