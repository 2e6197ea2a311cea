// For tests: a live database in another process, followed in this one, and what its archive gives back.
#pragma once

#include <unistd.h>

#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "archive/catalogue.h"
#include "archive/follower.h"
#include "archive/restore.h"
#include "base/durable_file.h"
#include "base/test_folder.h"
#include "sqlite/shell_process.h"

namespace litewright::follow_samples {

inline constexpr std::chrono::milliseconds kPatience{60'000};  // sanitizers on a busy machine

// The application: a shop with a counter that every commit raises.
struct Application {
  explicit Application(const std::string& pragmas = "") : shell(path) {
    run(pragmas + "PRAGMA journal_mode=WAL;");
    run("BEGIN; CREATE TABLE orders(id INTEGER PRIMARY KEY, body); CREATE TABLE counter(n); INSERT INTO "
        "counter VALUES(0); COMMIT;");
  }
  std::string run(const std::string& sql) { return shell.run(sql); }
  void commit(const std::string& sql) { run("BEGIN;" + sql + "UPDATE counter SET n=n+1; COMMIT;"); }
  void insert(int bytes = 300) {
    commit("INSERT INTO orders(body) VALUES(randomblob(" + std::to_string(bytes) + "));");
  }

  // What a restored file must give too: the counter, the rows, the schema.
  static std::string digest_query() {
    return "SELECT (SELECT n FROM counter), (SELECT count(*) FROM orders), (SELECT "
           "coalesce(group_concat(hex(substr(body,1,4)),''),'') FROM (SELECT body FROM orders ORDER BY id)), "
           "(SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema ORDER BY name))";
  }
  std::string digest() { return run(digest_query() + ";"); }

  TestFolder folder;
  std::string path = folder.path("shop.db");
  ShellProcess shell;
};

// The digest of the database as of `txid` as the archive gives it back; the file is also proven sound.
inline std::string restored_digest(const ObjectStore& store, const TestFolder& folder,
                                   std::optional<Txid> txid) {
  RestorePoint point;
  point.tx = txid;
  DurableFile file(folder.path("restored.db"), 0600);
  restore_pages(store, plan_restore(store, Catalogue::load(store), point), file.fd(), {});
  Connection connection(file.temporary().string(), {.mode = OpenMode::kImmutable});
  std::string verdict = connection.query_text("PRAGMA integrity_check");
  if (verdict != "ok") return verdict;
  Statement row = connection.prepare(Application::digest_query());
  row.step();
  return row.text(0) + "|" + row.text(1) + "|" + row.text(2) + "|" + row.text(3);
}

// A follower in a thread of its own; stopped and joined at the latest when it goes.
class RunningFollower {
 public:
  RunningFollower(ObjectStore& store, const FollowOptions& options, FollowEvents events = {})
      : follower_(store, clock_, options, with_warnings(std::move(events))), thread_([this] {
          try {
            follower_.run(Follower::Until::kStopped);
          } catch (...) {
            failure_ = std::current_exception();
          }
        }) {}
  ~RunningFollower() {
    follower_.stop();
    if (thread_.joinable()) thread_.join();
  }

  // Throws what run() threw.
  void stop() {
    follower_.stop();
    thread_.join();
    if (failure_) std::rethrow_exception(failure_);
  }
  Txid sync() { return follower_.sync(kPatience); }
  Follower* operator->() { return &follower_; }
  std::string warnings() const {
    const std::lock_guard lock(mutex_);
    return warnings_;
  }

 private:
  FollowEvents with_warnings(FollowEvents events) {
    events.warning = [this](const std::string& text) {
      const std::lock_guard lock(mutex_);
      warnings_ += text + "\n";
    };
    return events;
  }

  mutable std::mutex mutex_;
  std::string warnings_;
  SystemClock clock_;
  std::exception_ptr failure_;
  Follower follower_;
  std::thread thread_;
};

inline FollowOptions follow_options(const Application& application) {
  FollowOptions options;
  options.database = application.path;
  options.state_folder = application.folder.path("");
  return options;
}

}  // namespace litewright::follow_samples
