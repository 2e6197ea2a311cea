#include "serve/members.h"

#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "archive/copy_record.h"
#include "base/error.h"
#include "base/json_text.h"
#include "operate/database_placement.h"
#include "sqlite/database_url.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

std::string resolved(const fs::path& path) {
  std::error_code failure;
  const fs::path canonical = fs::canonical(path, failure);
  return (failure ? fs::absolute(path).lexically_normal() : canonical).string();
}

bool is_file(const fs::path& path) {
  std::error_code failure;
  return fs::is_regular_file(path, failure);
}

// Ascending.
std::vector<std::string> paths_of_glob(const std::string& pattern) {
  ::glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0)
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  std::ranges::sort(paths);
  return paths;
}

std::vector<std::string> files_of_glob(const std::string& pattern) {
  std::vector<std::string> files = paths_of_glob(pattern);
  std::erase_if(files, [](const std::string& path) { return !is_file(path); });
  return files;
}

// The beginning of time: there is no such folder.
WallTime changed_at(const std::string& folder) {
  struct stat status{};
  if (::stat(folder.c_str(), &status) != 0) return {};
  return WallTime(std::chrono::seconds(status.st_mtim.tv_sec) +
                  std::chrono::nanoseconds(status.st_mtim.tv_nsec));
}

std::vector<std::string> files_of_directory(const std::string& directory) {
  std::vector<std::string> files;
  std::error_code failure;
  for (fs::directory_iterator at(directory, failure), end; !failure && at != end; at.increment(failure)) {
    if (is_named_as_database(at->path()) && is_file(at->path())) files.push_back(at->path().string());
  }
  std::ranges::sort(files);
  return files;
}

// A plain copy with its record beside it, or what a command kept aside: nobody writes to it, and it has what
// it is kept for only as long as nobody does.
bool is_own_copy(const fs::path& file) {
  if (is_kept_aside(file.filename().string())) return true;
  try {
    return read_record(file).has_value();
  } catch (const Error&) {
    return false;  // somebody else's .json
  }
}

class Members {
 public:
  explicit Members(const std::shared_ptr<const Configuration>& configuration)
      : configuration_(configuration) {}

  void add_named(const DatabaseSettings& settings) {
    const DatabaseLocation location = parse_database_url(settings.path);
    if (location.kind != DatabaseKind::kSqlite) {
      throw Error(ErrorCode::kConfig,
                  fmt::format("{}: {} is a PostgreSQL database", file(), location.display),
                  "serve guards SQLite files");
    }
    const std::string path = resolved(location.path);
    if (path.find_first_of("*?[") != std::string::npos && !is_file(path)) {
      throw Error(ErrorCode::kConfig,
                  fmt::format("{}: path = \"{}\": there is no such file", file(), settings.path),
                  fmt::format("for all that match: glob = \"{}\"", settings.path));
    }
    const std::string name = settings.name.empty() ? fs::path(path).filename().string() : settings.name;
    if (!paths_.insert(path).second)
      throw Error(ErrorCode::kConfig, fmt::format("{}: {} is there twice", file(), path), "once is enough");
    if (names_.contains(name) && !settings.name.empty()) {
      throw Error(ErrorCode::kConfig, fmt::format("{}: two databases are named '{}'", file(), name),
                  "give each a name of its own: name = \"...\"");
    }
    add(names_.contains(name) ? path : name, path, settings);
    const auto [other, own] = archives_.emplace(place_of(members_.back().archive), path);
    if (own) return;
    throw Error(ErrorCode::kConfig,
                fmt::format("{}: {} and {} have one archive: {}", file(), other->second, path, other->first),
                "an archive is one database's: give each its own, or leave archive out");
  }

  void add_found(const DatabaseSettings& settings) {
    const bool by_glob = !settings.glob.empty();
    const std::string fixed = fixed_part(settings.glob);
    for (const std::string& found :
         by_glob ? files_of_glob(settings.glob) : files_of_directory(settings.directory)) {
      const std::string path = resolved(found);
      if (is_own_copy(found) || !paths_.insert(path).second) continue;
      const std::string name = by_glob && found.starts_with(fixed) ? found.substr(fixed.size())
                                                                   : fs::path(found).filename().string();
      add(names_.contains(name) ? path : name, path, settings);
    }
  }

  std::vector<Member> take() { return std::move(members_); }

 private:
  std::string file() const { return configuration_->file.string(); }

  // A name is shown, asked for and a label, so it is UTF-8 and one database's.
  void add(const std::string& wanted, const std::string& path, const DatabaseSettings& settings) {
    std::string name = as_utf8(wanted);
    for (int count = 2; names_.contains(name); ++count) name = fmt::format("{} ({})", as_utf8(path), count);
    if (members_.size() == kMostMembers) {
      throw Error(ErrorCode::kConfig, fmt::format("{}: more than {} databases", file(), kMostMembers),
                  "let several serve share them");
    }
    names_.insert(name);
    members_.push_back({.name = name,
                        .path = path,
                        .archive = resolved_archive(path),
                        .configuration = configuration_,
                        .settings = &settings});
  }

  std::string resolved_archive(const std::string& path) const {
    const std::string named = configuration_->archive_of(path);
    return named.find("://") == std::string::npos ? fs::absolute(named).lexically_normal().string() : named;
  }

  // However it is written.
  static std::string place_of(const std::string& archive) {
    if (archive.find("://") != std::string::npos) return archive;
    std::error_code failure;
    fs::path place = fs::weakly_canonical(archive, failure);
    if (failure) place = archive;
    return (place.has_filename() ? place : place.parent_path()).string();
  }

  const std::shared_ptr<const Configuration>& configuration_;
  std::set<std::string> names_, paths_;
  std::map<std::string, std::string> archives_;  // of those named by path: whose
  std::vector<Member> members_;
};

}  // namespace

std::vector<WallTime> folders_changed(const Configuration& configuration) {
  std::vector<WallTime> times;
  for (const DatabaseSettings& settings : configuration.databases) {
    if (settings.is_one_file()) continue;
    const std::string folder = settings.glob.empty() ? settings.directory : fixed_part(settings.glob);
    times.push_back(changed_at(folder.empty() ? "." : folder));
    if (settings.glob.empty()) continue;
    for (auto end = settings.glob.find('/', folder.size()); end != std::string::npos;
         end = settings.glob.find('/', end + 1)) {
      for (const std::string& each : paths_of_glob(settings.glob.substr(0, end)))
        times.push_back(changed_at(each));
    }
  }
  return times;
}

std::vector<Member> find_members(const std::shared_ptr<const Configuration>& configuration) {
  Members members(configuration);
  for (const DatabaseSettings& settings : configuration->databases) {
    if (settings.is_one_file()) members.add_named(settings);
  }
  for (const DatabaseSettings& settings : configuration->databases) {
    if (!settings.is_one_file()) members.add_found(settings);
  }
  return members.take();
}

}  // namespace litewright
