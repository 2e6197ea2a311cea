#include "serve/fleet.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "base/shell_words.h"

namespace litewright {

Fleet::Fleet(std::string state_folder, const GuardSurroundings& surroundings, FleetListener listener)
    : state_folder_(std::move(state_folder)), around_(surroundings), listener_(std::move(listener)) {}

GuardOptions Fleet::options_of(const Member& member) const {
  return {.name = member.name,
          .path = member.path,
          .archive = member.archive,
          .state_folder = state_folder_,
          .wal_limit_bytes = member.settings->wal_limit_bytes,
          .wal_ceiling_bytes = member.settings->wal_ceiling_bytes,
          .spool_bytes = member.settings->spool_bytes,
          .keep = member.settings->keep};
}

void Fleet::join(const Member& member) {
  entries_[member.name] = {.member = member, .guard = std::make_unique<Guard>(options_of(member), around_)};
  around_.board.tell_of_daemon({.id = "database.deleted", .object = member.path});
  around_.log({.event = "joined",
               .database = member.name,
               .text = fmt::format("guards {}", member.path),
               .fields = {{"path", member.path}, {"archive", member.archive}}});
  listener_.joined(member);
}

void Fleet::change(Entry& entry, const Member& member) {
  const bool other_guard = options_of(entry.member) != options_of(member);
  const bool other_configuration = entry.member.configuration != member.configuration;
  entry.member = member;
  entry.leaving = false;
  if (other_guard) entry.guard->stop();
  if (other_configuration) listener_.joined(member);
}

void Fleet::sweep() {
  if (!around_.commons.somebody_left.exchange(false)) return;
  bool any_left = false;
  for (auto at = entries_.begin(); at != entries_.end();) {
    Entry& entry = at->second;
    if (!entry.guard->has_left()) {
      ++at;
      continue;
    }
    entry.guard.reset();
    if (entry.leaving) {
      finish_leaving(entry.member);
      at = entries_.erase(at);
      any_left = true;
      continue;
    }
    entry.guard = std::make_unique<Guard>(options_of(entry.member), around_);
    ++at;
  }
  // Who came back meanwhile.
  if (any_left) join_wanted();
}

void Fleet::join_wanted() {
  for (const Member& member : wanted_) {
    if (!entries_.contains(member.name)) join(member);
  }
}

// That it was deleted is told before it leaves the board: else its findings would be over for a moment.
void Fleet::finish_leaving(const Member& member) {
  std::error_code failure;
  const bool exists = std::filesystem::exists(member.path, failure);
  if (!exists && !failure) {  // an error: that it is gone is not known
    around_.board.tell_of_daemon(
        {.id = "database.deleted",
         .severity = Severity::kWarning,
         .database = member.name,
         .object = member.path,
         .meaning = "a database that was guarded was deleted or moved; its archive stays: " + member.archive,
         .remedy = fmt::format("litewright restore {} --archive {}", shell_quoted(member.path),
                               shell_quoted(member.archive))});
  }
  around_.board.leave(member.name);
  around_.log({.event = "left",
               .database = member.name,
               .text = fmt::format("no longer guards {}", member.path),
               .fields = {{"path", member.path}}});
}

void Fleet::reconcile(std::vector<Member> members) {
  wanted_ = std::move(members);
  std::map<std::string_view, const Member*> wanted;
  for (const Member& member : wanted_) wanted[member.name] = &member;
  for (auto& [name, entry] : entries_) {
    if (entry.leaving) continue;
    if (const auto still = wanted.find(name); still != wanted.end()) {
      change(entry, *still->second);
      continue;
    }
    entry.leaving = true;
    entry.guard->stop();
    listener_.left(entry.member);
  }
  sweep();
  join_wanted();
}

void Fleet::publish() {
  for (const std::string& name : around_.commons.worked.take()) {
    const auto found = entries_.find(name);
    if (found == entries_.end()) continue;
    Guard& guard = *found->second.guard;
    if (guard.works())
      around_.commons.worked.note(name);  // asked first: what it does later is seen next time
    guard.publish();
  }
}

void Fleet::stop() {
  wanted_.clear();
  for (auto& [name, entry] : entries_) {
    entry.leaving = true;
    entry.guard->stop();
  }
}

void Fleet::hurry() {
  for (auto& [name, entry] : entries_) entry.guard->hurry();
}

bool Fleet::has_let_go() const {
  return std::ranges::all_of(entries_, [](const auto& entry) { return entry.second.guard->has_let_go(); });
}

std::vector<std::string> Fleet::not_left() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) {
    if (!entry.guard->has_left()) names.push_back(name);
  }
  return names;
}

bool Fleet::has_left() {
  for (const auto& [name, entry] : entries_) {
    if (!entry.guard->has_left()) return false;
  }
  entries_.clear();
  return true;
}

}  // namespace litewright
