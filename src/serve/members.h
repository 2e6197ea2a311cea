// Which databases a configuration means at this moment: those named by path, and what its globs and
// directories hold now, without the copies that our own commands made. No database is opened (FACTS 7).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/configuration.h"

namespace litewright {

struct Member {
  std::string name = {};     // unique: as configured, or the file's name; its path where that is taken
  std::string path = {};     // absolute, links resolved where the file exists
  std::string archive = {};  // as open_store() takes it
  std::shared_ptr<const Configuration> configuration = {};
  const DatabaseSettings* settings = nullptr;  // of that configuration
};

inline constexpr std::size_t kMostMembers = 20'000;

// When the folders of its globs and directories last changed: as long as this is the same nothing joined or
// left.
std::vector<WallTime> folders_changed(const Configuration& configuration);

// In the configuration's order, each file once; what is named by path is a member though it does not exist.
// Throws Error{kConfig} for two that have one name, for two named by path that have one archive, for a
// PostgreSQL database, for more than kMostMembers.
std::vector<Member> find_members(const std::shared_ptr<const Configuration>& configuration);

}  // namespace litewright
