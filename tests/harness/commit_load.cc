// An application's writer, as fast as it can: small immediate transactions, each acknowledged in a file after
// COMMIT returned, so that what SQLite promised can be held against what is there later.
//
//   commit_load DATABASE SECONDS [option value]...
//     --writer N          its number in the table (default 1)
//     --ack FILE          a line "writer seq counter" for each commit, written with one write(2)
//     --busy-timeout MS   default 30000; 0 counts what the application would see as SQLITE_BUSY and tries
//     again
//     --autocheckpoint N  frames, default 1000 as SQLite's own; 0 = never
//     --pause-us N        between two commits
//     --rows N            inserted a commit (default 3)
//     --body N            bytes of each row's body (default 200)
//     --keep N            rows kept by a writer; older ones are deleted (default 5000, 0 = all)
//     --commits N         stops after so many (default: none)
//     --synchronous WORD  normal (default), full, off
//
// Tables made where they are missing (the file becomes a WAL database): load(id, writer, seq, body), an index
// on (writer, seq), litewright_test_counter(n) raised by each commit.
// SIGTERM ends it in order. Prints one JSON object: commits, busy, p50_us, p99_us, max_us, max_at (seconds).
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <fmt/core.h>

namespace {

using Clock = std::chrono::steady_clock;
volatile std::sig_atomic_t stop_requested = 0;

double microseconds(Clock::duration span) { return std::chrono::duration<double, std::micro>(span).count(); }

struct Options {
  std::string database, ack, synchronous = "normal";
  double seconds = 1;
  long writer = 1, busy_timeout = 30000, autocheckpoint = 1000, pause_us = 0, rows = 3, body = 200,
       keep = 5000, commits = 1L << 40;
};

Options parse(int argc, char** argv) {
  Options o;
  if (argc < 3 || argc % 2 == 0) {
    fmt::print(stderr, "usage: commit_load DATABASE SECONDS [--option value]...\n");
    std::exit(64);
  }
  o.database = argv[1];
  o.seconds = std::atof(argv[2]);
  const std::map<std::string, long*> numbers = {{"--writer", &o.writer},
                                                {"--busy-timeout", &o.busy_timeout},
                                                {"--autocheckpoint", &o.autocheckpoint},
                                                {"--rows", &o.rows},
                                                {"--pause-us", &o.pause_us},
                                                {"--body", &o.body},
                                                {"--keep", &o.keep},
                                                {"--commits", &o.commits}};
  for (int i = 3; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--ack") {
      o.ack = argv[i + 1];
    } else if (name == "--synchronous") {
      o.synchronous = argv[i + 1];
    } else if (numbers.contains(name)) {
      *numbers.at(name) = std::atol(argv[i + 1]);
    } else {
      fmt::print(stderr, "commit_load: no option {}\n", name);
      std::exit(64);
    }
  }
  return o;
}

class Writer {
 public:
  explicit Writer(const Options& options) : options_(options) {
    if (sqlite3_open(options.database.c_str(), &db_) != SQLITE_OK) fail("open");
    sqlite3_busy_timeout(db_, 30000);
    run("PRAGMA journal_mode=WAL");
    run("PRAGMA synchronous=" + options.synchronous);
    run(fmt::format("PRAGMA wal_autocheckpoint={}", options.autocheckpoint));
    run("CREATE TABLE IF NOT EXISTS load(id INTEGER PRIMARY KEY, writer INT, seq INT, body BLOB)");
    run("CREATE INDEX IF NOT EXISTS load_seq ON load(writer, seq)");
    run("CREATE TABLE IF NOT EXISTS litewright_test_counter(n INT)");
    run("INSERT INTO litewright_test_counter SELECT 0 WHERE NOT EXISTS(SELECT 1 FROM "
        "litewright_test_counter)");
    sequence_ = number(fmt::format("SELECT coalesce(max(seq), 0) FROM load WHERE writer={}", options.writer));
    sqlite3_busy_timeout(db_, static_cast<int>(options.busy_timeout));
    if (!options.ack.empty())
      ack_ = open(options.ack.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    begin_ = prepare("BEGIN IMMEDIATE");
    insert_ = prepare("INSERT INTO load(writer, seq, body) VALUES(?1, ?2, randomblob(?3))");
    trim_ = prepare("DELETE FROM load WHERE writer=?1 AND seq<=?2");
    raise_ = prepare("UPDATE litewright_test_counter SET n=n+1 RETURNING n");
    commit_ = prepare("COMMIT");
  }
  ~Writer() {
    for (sqlite3_stmt* statement : {begin_, insert_, trim_, raise_, commit_}) sqlite3_finalize(statement);
    sqlite3_close(db_);
    if (ack_ >= 0) close(ack_);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // One acknowledged commit; false when asked to stop while the database was busy.
  bool commit_one() {
    if (!until_not_busy(begin_)) return false;
    sequence_++;
    for (long i = 0; i < options_.rows; i++) {
      sqlite3_bind_int64(insert_, 1, options_.writer);
      sqlite3_bind_int64(insert_, 2, sequence_);
      sqlite3_bind_int64(insert_, 3, options_.body);
      step(insert_);
    }
    if (options_.keep > 0 && sequence_ % 16 == 0) {
      sqlite3_bind_int64(trim_, 1, options_.writer);
      sqlite3_bind_int64(trim_, 2, sequence_ - options_.keep / std::max(options_.rows, 1L));
      step(trim_);
    }
    const long counter = step(raise_);
    if (!until_not_busy(commit_)) return false;
    if (ack_ >= 0) {
      const std::string line = fmt::format("{} {} {}\n", options_.writer, sequence_, counter);
      if (write(ack_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) fail("acknowledge");
    }
    return true;
  }
  long busy() const { return busy_; }

 private:
  [[noreturn]] void fail(const std::string& doing) {
    fmt::print(stderr, "commit_load: {}: {} ({})\n", doing, sqlite3_errmsg(db_),
               sqlite3_extended_errcode(db_));
    std::_Exit(1);
  }
  void run(const std::string& sql) {
    if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail(sql);
  }
  sqlite3_stmt* prepare(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) fail(sql);
    return statement;
  }
  long number(const std::string& sql) {
    sqlite3_stmt* statement = prepare(sql);
    const long value = step(statement);
    sqlite3_finalize(statement);
    return value;
  }
  // Runs to the end; gives the first column of the last row.
  long step(sqlite3_stmt* statement) {
    long value = 0;
    int code = sqlite3_step(statement);
    for (; code == SQLITE_ROW; code = sqlite3_step(statement)) value = sqlite3_column_int64(statement, 0);
    if (code != SQLITE_DONE) fail(sqlite3_sql(statement));
    sqlite3_reset(statement);
    return value;
  }
  bool until_not_busy(sqlite3_stmt* statement) {
    while (stop_requested == 0) {
      const int code = sqlite3_step(statement);
      sqlite3_reset(statement);
      if (code == SQLITE_DONE) return true;
      if ((code & 0xff) != SQLITE_BUSY) fail(sqlite3_sql(statement));
      busy_++;
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return false;
  }

  const Options& options_;
  sqlite3* db_ = nullptr;
  sqlite3_stmt *begin_ = nullptr, *insert_ = nullptr, *trim_ = nullptr, *raise_ = nullptr, *commit_ = nullptr;
  int ack_ = -1;
  long sequence_ = 0, busy_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  std::signal(SIGTERM, [](int) { stop_requested = 1; });
  std::vector<double> latency;
  double worst = 0, worst_at = 0;
  long busy = 0;
  {
    Writer writer(options);
    const auto start = Clock::now();
    const auto end =
        start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds));
    while (stop_requested == 0 && Clock::now() < end && static_cast<long>(latency.size()) < options.commits) {
      const auto before = Clock::now();
      if (!writer.commit_one()) break;
      latency.push_back(microseconds(Clock::now() - before));
      if (latency.back() > worst) {
        worst = latency.back();
        worst_at = microseconds(before - start) / 1e6;
      }
      if (options.pause_us > 0) std::this_thread::sleep_for(std::chrono::microseconds(options.pause_us));
    }
    busy = writer.busy();
  }
  std::sort(latency.begin(), latency.end());
  const auto quantile = [&](double q) {
    return latency.empty() ? 0
                           : latency[static_cast<std::size_t>(q * static_cast<double>(latency.size() - 1))];
  };
  fmt::print(
      "{{\"commits\": {}, \"busy\": {}, \"p50_us\": {:.1f}, \"p99_us\": {:.1f}, \"max_us\": {:.1f}, "
      "\"max_at\": {:.3f}}}\n",
      latency.size(), busy, quantile(0.5), quantile(0.99), worst, worst_at);
}
