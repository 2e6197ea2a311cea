// Looks at each database's files and disk a few times a minute, by stat(2) alone, and holds what it sees
// against the thresholds that `check` goes by. On a thread of its own: a disk that hangs holds up nobody
// else.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "operate/file_figures.h"
#include "serve/members.h"
#include "serve/status_board.h"

namespace litewright {

class FileLooks {
 public:
  // The board and the clock outlive it. `state_folder` remembers how the disk filled.
  FileLooks(StatusBoard& board, const Clock& clock, std::string state_folder);
  ~FileLooks();
  FileLooks(FileLooks&&) = delete;
  FileLooks& operator=(FileLooks&&) = delete;

  // From any thread. Who joins is looked at soon.
  void join(const Member& member);
  void leave(const std::string& name);
  void look_every(std::chrono::milliseconds interval);

  // Whether findings of that id are told by looks: then nobody else need tell them.
  static bool tells(std::string_view finding_id);

  // Begins the thread; without it look() may be called.
  void begin();
  void look();

 private:
  struct Trend {
    std::optional<double> seconds_until_full = {};
    SteadyTime asked_at = {};
  };
  struct Looked {
    Member member;
    Trend trend = {};
    // As the board has them.
    FileFigures noted = {};
    std::optional<SteadyTime> noted_at = {};
    bool found_something = false;
  };
  void run();
  void take_news();
  void look_at(Looked& looked);
  void note(Looked& looked, const FileFigures& files, WallTime now);

  StatusBoard& board_;
  const Clock& clock_;
  std::string state_folder_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::optional<Member>> news_;  // who joined, who left (none), since the last look
  std::chrono::milliseconds interval_{10'000};
  bool stopping_ = false, joined_ = false;
  std::map<std::string, Looked> looked_;  // of who looks alone
  std::thread thread_;
};

}  // namespace litewright
