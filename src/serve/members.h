// Which databases a configuration means at this moment: those named by path, and what its globs and
// directories hold now, without the copies that our own commands made. No database is opened (FACTS 7).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/finding.h"
#include "config/configuration.h"

namespace litewright {

struct Member {
  std::string name = {};     // unique: as configured, or the file's name; its path where that is taken
  std::string path = {};     // absolute, links resolved where the file exists
  std::string archive = {};  // as open_store() takes it
  std::string found = {};    // as its glob or directory has it; empty: it is named by path
  std::shared_ptr<const Configuration> configuration = {};
  const DatabaseSettings* settings = nullptr;  // of that configuration
};

inline constexpr std::size_t kMostMembers = 20'000;

// When the folders of its globs and directories last changed, or what may be done with them: as long as this
// is the same nothing joined or left.
std::vector<WallTime> folders_changed(const Configuration& configuration);

struct MembersFound {
  std::vector<Member> members = {};
  // config.not-followed: a folder can't be read, critical where databases are concerned for all that is
  // known. config.matches-nothing (warning): a directory is not there, nothing matches a glob.
  std::vector<Finding> troubles = {};
  bool all_read = true;  // nothing is not-followed
};

// In the configuration's order, each file once; what is named by path is a member though it does not exist.
// Of those `before` that a folder held which now can't be read, each stays a member that is not known to be
// gone. Throws Error{kConfig} for two that have one name, for two named by path that have one archive, for a
// PostgreSQL database, for more than kMostMembers.
MembersFound look_for_members(const std::shared_ptr<const Configuration>& configuration,
                              std::span<const Member> before);

// The members of now.
std::vector<Member> find_members(const std::shared_ptr<const Configuration>& configuration);

}  // namespace litewright
