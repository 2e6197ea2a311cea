// The databases under guard, as the configuration means them now: they join, leave, and are guarded anew
// where what a guard is made of changed. A guard that takes its time to leave keeps none of the others
// waiting.
//
// For one thread, but for the guards' own.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "serve/guard.h"
#include "serve/members.h"

namespace litewright {

// Who works with the databases besides the guards: looks, jobs.
struct FleetListener {
  std::function<void(const Member&)> joined = {};  // or what is configured of it changed
  std::function<void(const Member&)> left = {};
};

class Fleet {
 public:
  // The surroundings outlive it.
  Fleet(std::string state_folder, const GuardSurroundings& surroundings, FleetListener listener);

  // From now on these are to be guarded: find_members() of the configuration in force.
  void reconcile(std::vector<Member> members);

  // Guards that have left make room: for another one of the same database, or for none. To be called again
  // and again.
  void sweep();

  // The guards' figures, onto the board.
  void publish();

  // All leave; true when they have.
  void stop();
  void hurry();
  bool has_left();
  // All databases are closed, and nothing but stores are waited for.
  bool has_let_go() const;
  std::vector<std::string> not_left() const;  // by name

  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Member member;
    std::unique_ptr<Guard> guard;
    bool leaving = false;
  };
  GuardOptions options_of(const Member& member) const;
  void join(const Member& member);
  void join_wanted();
  void change(Entry& entry, const Member& member);
  void finish_leaving(const Member& member);

  std::string state_folder_;
  GuardSurroundings around_;
  FleetListener listener_;
  std::vector<Member> wanted_;
  std::map<std::string, Entry> entries_;  // by name
};

}  // namespace litewright
