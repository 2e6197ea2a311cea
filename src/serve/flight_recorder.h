// Keeps the last minutes of locks, WAL and commits of the databases that are configured for it, and writes
// them to a file in the state folder when somebody held a lock for long: what happened before the incident is
// known.
//
// A database is looked at from outside by `litewright locks DB --watch --json` in a process of its own (FACTS
// 7), a report a second.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "serve/daemon_log.h"
#include "serve/flight_ring.h"
#include "serve/own_command.h"
#include "serve/status_board.h"

namespace litewright {

struct FlightSurroundings {
  const StatusBoard& board;
  const Clock& clock;
  RunOwnCommand run;
  DaemonLog log;
  // Of the database at that path; empty where it is not recorded.
  std::function<std::optional<FlightLimits>(const std::string& path)> limits_of = {};
  std::string folder = {};  // where files go
};

class FlightRecorder {
 public:
  static constexpr std::size_t kMostDatabases = 32;
  static constexpr std::size_t kMostFiles = 50;  // the oldest go

  // Begins at once. The surroundings outlive it.
  explicit FlightRecorder(FlightSurroundings surroundings);
  ~FlightRecorder();
  FlightRecorder(const FlightRecorder&) = delete;
  FlightRecorder& operator=(const FlightRecorder&) = delete;

  void limits_changed();  // limits_of is to be asked anew

 private:
  struct Recorded {
    FlightLimits limits = {};
    std::atomic<bool> over = false;  // it left, or we do
    std::thread thread = {};
  };
  void watch();
  void take_databases();
  void record(const std::string& name, const std::string& path, const FlightLimits& limits,
              const std::atomic<bool>& over);
  void keep(const std::string& name, const std::string& path, const FlightRing& ring, const std::string& why);
  void forget_oldest() const;

  FlightSurroundings around_;
  std::mutex mutex_;
  std::condition_variable leave_;
  bool stopping_ = false;
  std::optional<std::uint64_t> taken_;  // the board's last change when all were there that are to be recorded
  std::map<std::string, Recorded> recorded_;  // by name; the watching thread's
  std::thread watcher_;
};

}  // namespace litewright
