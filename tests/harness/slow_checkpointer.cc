// A foreign checkpointer that falls asleep at the worst moment (FACTS 13): it holds the CKPT lock, has read
// the WAL index, and has not yet looked at nBackfill.
//
//   slow_checkpointer DATABASE SECONDS [SLEEP_MS]        (default 30; SIGTERM ends it)
//
// SQLite tells the VFS between the two (xUnfetch, when the index has changed): this program puts its own
// methods before those of its connection's main file and sleeps there while a checkpoint is under way.
// Prints one JSON object: checkpoints done, slept, busy.
#include <sqlite3.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include <fmt/core.h>

namespace {

using Clock = std::chrono::steady_clock;
volatile std::sig_atomic_t stop_requested = 0;

const sqlite3_io_methods* real = nullptr;
sqlite3_io_methods ours;
bool holds_ckpt = false;
int sleep_ms = 30;
long slept = 0;

int shm_lock(sqlite3_file* file, int offset, int count, int flags) {
  const int code = real->xShmLock(file, offset, count, flags);
  if (offset == 1 && code == SQLITE_OK) holds_ckpt = (flags & SQLITE_SHM_LOCK) != 0;
  return code;
}

int unfetch(sqlite3_file* file, sqlite3_int64 offset, void* page) {
  if (holds_ckpt && page == nullptr) {
    slept++;
    std::this_thread::sleep_for(std::chrono::milliseconds(sleep_ms));
  }
  return real->xUnfetch(file, offset, page);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: slow_checkpointer DATABASE SECONDS [SLEEP_MS]\n");
    return 64;
  }
  if (argc > 3) sleep_ms = std::atoi(argv[3]);
  std::signal(SIGTERM, [](int) { stop_requested = 1; });
  sqlite3* db = nullptr;
  sqlite3_file* file = nullptr;
  if (sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK ||
      sqlite3_exec(db, "PRAGMA schema_version", nullptr, nullptr, nullptr) != SQLITE_OK ||
      sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
      file->pMethods->iVersion < 3) {
    fmt::print(stderr, "slow_checkpointer: {}\n", sqlite3_errmsg(db));
    return 1;
  }
  real = file->pMethods;
  ours = *real;
  ours.xShmLock = shm_lock;
  ours.xUnfetch = unfetch;
  file->pMethods = &ours;

  long done = 0, busy = 0;
  const auto end = Clock::now() + std::chrono::duration<double>(std::atof(argv[2]));
  while (stop_requested == 0 && Clock::now() < end) {
    const int code = sqlite3_wal_checkpoint_v2(db, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    (code == SQLITE_OK ? done : busy)++;
    // Come back at once when somebody else checkpoints: the moment after his is the one that hurts.
    std::this_thread::sleep_for(std::chrono::microseconds(code == SQLITE_OK ? 20000 : 20));
  }
  file->pMethods = real;
  sqlite3_close(db);
  fmt::print("{{\"checkpoints\": {}, \"slept\": {}, \"busy\": {}}}\n", done, slept, busy);
}
