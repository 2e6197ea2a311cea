// The daemon: guards, looks, jobs, and the board they write, held together. Its one thread of its own is the
// caller's, who calls tick() every now and then; nothing here waits for a database, a store or a folder.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "serve/file_looks.h"
#include "serve/fleet.h"
#include "serve/job_runner.h"
#include "serve/member_scan.h"

namespace litewright {

struct DaemonSurroundings {
  StatusBoard& board;
  OpenGates& gates;
  const Clock& clock;
  DaemonLog log;
  RunOwnCommand run;
  std::function<Configuration()> load = {};  // reads the configuration anew; throws Error{kConfig}
  // Why another configuration is in force at the beginning than its file has.
  std::string refused = {};
  // It is in force now, at first and after each reload(); from tick().
  std::function<void(const std::shared_ptr<const Configuration>&)> configured = {};
  std::string state_folder = {};
  int reported_pid = 0;
};

class Daemon {
 public:
  // Begins; the surroundings outlive it. Throws where its state can't be kept.
  Daemon(const std::shared_ptr<const Configuration>& configuration, const DaemonSurroundings& surroundings);
  ~Daemon();  // after has_left(): else it waits
  Daemon(Daemon&&) = delete;
  Daemon& operator=(Daemon&&) = delete;

  // Lets databases join and leave, and brings the board up to date. To be called about every second.
  void tick();
  // What changed in the configuration is taken over. One that can't be read leaves the old one in force, with
  // a finding.
  void reload();

  // Archives what is there, closes all databases, ends runs. tick() is still to be called until it has left.
  void stop();
  void hurry();  // without the stores
  bool has_left();
  // No run is under way, all databases are closed and what is captured is archived, spooled or given up: to
  // end now loses nothing. Named are those whose stores are still waited for.
  bool has_let_go() const { return fleet_.has_let_go() && !jobs_.has_runs(); }
  std::vector<std::string> not_left() const { return fleet_.not_left(); }

  JobRunner& jobs() { return jobs_; }
  std::string summary() const;  // "databases guarded: 2 of 3; findings: 1"

 private:
  void take_members();
  void refuse(const std::string& why);
  void tell_places(const std::vector<Finding>& troubles);
  void log_changes();

  DaemonSurroundings around_;
  std::string file_;
  std::shared_ptr<const Configuration> in_force_;  // that whose databases are guarded; null at first
  GuardedFiles files_;
  GuardCommons commons_;
  FileLooks looks_;
  JobRunner jobs_;
  Fleet fleet_;
  MemberScan scan_;
  std::vector<Finding> place_troubles_;  // as they were told last
  bool stopping_ = false;
  std::uint64_t logged_ = 0;  // changes of the board
};

}  // namespace litewright
