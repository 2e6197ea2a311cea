// The control of the slow checkpointer's attack: a follower that hands its read mark over as ours does, but
// does not hold the CKPT lock across the restart it allows (FACTS 29). It only reads; and yet, beside a
// checkpointer that is asleep right across the restart, the application's database is corrupted (FACTS 13).
//
//   handover_without_ckpt DATABASE [WAL_LIMIT_FRAMES]      (default 200; stop with SIGTERM)
//
// Prints one JSON object: gates, restarts seen.
#include <sched.h>
#include <sqlite3.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>

#include <fmt/core.h>

namespace {

volatile std::sig_atomic_t stop_requested = 0;

struct Follower {
  sqlite3* db = nullptr;

  explicit Follower(const char* path) {
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK) std::exit(1);
    sqlite3_busy_timeout(db, 5000);
    exec("PRAGMA wal_autocheckpoint=0");
    exec("PRAGMA schema_version");  // a connection that never read does not checkpoint and says OK
  }
  ~Follower() { sqlite3_close(db); }
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  bool exec(const char* sql) { return sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK; }
  void begin() {
    if (!exec("BEGIN") || !exec("PRAGMA schema_version")) std::exit(1);
  }
  bool checkpoint_all() {
    int all = 0, copied = 0;
    return sqlite3_wal_checkpoint_v2(db, nullptr, SQLITE_CHECKPOINT_PASSIVE, &all, &copied) == SQLITE_OK &&
           all == copied;
  }
};

// mxFrame at 16 and the salts at 32 of the index (FACTS 8), through SQLite's own mapping (FACTS 7).
struct Index {
  volatile void* shared = nullptr;

  explicit Index(sqlite3* db) {
    sqlite3_file* file = nullptr;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (file->pMethods->xShmMap(file, 0, 32768, 0, &shared) != SQLITE_OK) std::exit(1);
  }
  uint32_t word(int offset) const {
    uint32_t value;
    std::memcpy(&value, static_cast<const char*>(const_cast<const void*>(shared)) + offset, sizeof value);
    return value;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: handover_without_ckpt DATABASE [WAL_LIMIT_FRAMES]\n");
    return 64;
  }
  const uint32_t limit = argc > 2 ? static_cast<uint32_t>(std::atoi(argv[2])) : 200;
  std::signal(SIGTERM, [](int) { stop_requested = 1; });
  Follower one(argv[1]), two(argv[1]), gate(argv[1]), checkpointer(argv[1]);
  Follower *held = &one, *next = &two;
  sqlite3_busy_handler(
      gate.db,
      [](void*, int tries) -> int {
        sched_yield();
        return tries < 200000;
      },
      nullptr);
  held->begin();
  const Index index(held->db);
  const auto hand_over = [&] {
    next->begin();
    held->exec("COMMIT");
    std::swap(held, next);
  };
  long gates = 0, restarts = 0;
  uint32_t salt = index.word(32);
  while (stop_requested == 0) {
    if (index.word(32) != salt) {
      restarts++;
      salt = index.word(32);
    }
    hand_over();  // the mark follows; after a restart this leaves READ(0), so that frames can be copied back
    if (index.word(16) > limit) {
      checkpointer.checkpoint_all();
      if (gate.exec("BEGIN IMMEDIATE")) {
        gates++;
        hand_over();
        if (checkpointer.checkpoint_all()) hand_over();  // to READ(0): the next writer restarts the WAL
        gate.exec("COMMIT");
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  held->exec("COMMIT");
  fmt::print("{{\"gates\": {}, \"restarts\": {}}}\n", gates, restarts);
}
