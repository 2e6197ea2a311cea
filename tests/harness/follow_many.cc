// Follows many databases in one process, without the daemon around it: for bench/many_databases.py.
//
//   follow_many STATE < paths    a path a line; each archive is PATH-archive
//
// Says "following N" on stdout whenever one more is followed, and "all" when all are; ends on SIGTERM.
#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>

#include <atomic>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "archive/archiver_lane.h"
#include "base/process_memory_linux.h"
#include "store/directory_store.h"

using namespace litewright;

namespace {

struct Shared {
  explicit Shared(std::string folder)
      : state(std::move(folder)), desk(state), locks(std::make_shared<FollowLockFile>(state)) {}
  std::string state;
  SystemClock clock;
  RestWatch rest;
  OwnerDesk desk;
  std::shared_ptr<FollowLockFile> locks;
  Turnstile beginnings{8}, retention{2};
  std::atomic<std::size_t> following{0};
};

class Guarded {
 public:
  Guarded(Shared& shared, std::string path)
      : shared_(shared), path_(std::move(path)), store_(path_ + "-archive") {
    lane_ = std::make_unique<ArchiverLane>(
        shared.rest, ArchiverLane::Options{.make = [this](ArchiverLane& lane) { return make(lane); },
                                           .failed =
                                               [this](const Error& error) {
                                                 fmt::print(stderr, "{}: {}\n", path_, error.what());
                                                 return std::chrono::seconds(5);
                                               },
                                           .beginnings = &shared.beginnings});
  }
  void stop() { lane_->stop(); }

 private:
  std::shared_ptr<Archiver> make(ArchiverLane& lane) {
    ArchiverOptions options;
    options.follow.database = path_;
    options.follow.state_folder = shared_.state;
    options.retention.turns = &shared_.retention;
    options.rest = &shared_.rest;
    options.desk = &shared_.desk;
    options.follow_locks = shared_.locks;
    FollowEvents events;
    events.following = [this, &lane](Txid, bool) {
      lane.begun();
      if (!std::exchange(followed_, true)) fmt::print("following {}\n", ++shared_.following);
      std::fflush(stdout);
    };
    events.warning = [this](const std::string& text) { fmt::print(stderr, "{}: {}\n", path_, text); };
    return std::make_shared<Archiver>(store_, shared_.clock, std::move(options), std::move(events));
  }

  Shared& shared_;
  std::string path_;
  DirectoryStore store_;
  bool followed_ = false;
  std::unique_ptr<ArchiverLane> lane_;
};

}  // namespace

int main(int count, char** words) {
  if (count != 2) return 64;
  sigset_t stops;
  sigemptyset(&stops);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stops, nullptr);
  keep_heap_small();
  take_little_memory_for_connections();
  Shared shared{words[1]};
  std::vector<std::unique_ptr<Guarded>> all;
  for (std::string path; std::getline(std::cin, path);)
    all.push_back(std::make_unique<Guarded>(shared, path));
  int signal = 0;
  sigwait(&stops, &signal);
  for (const auto& one : all) one->stop();
  all.clear();
  return 0;
}
