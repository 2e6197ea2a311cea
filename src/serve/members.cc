#include "serve/members.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <set>

#include "archive/copy_record.h"
#include "base/error.h"
#include "base/json_text.h"
#include "base/shell_words.h"
#include "operate/database_placement.h"
#include "serve/place_listing.h"
#include "sqlite/database_url.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;

bool is_file(const fs::path& path) {
  std::error_code failure;
  return fs::is_regular_file(path, failure);
}

// A change of rights counts as well (st_ctime). Of one that can't be looked at the error's number.
WallTime changed_at(const std::string& folder) {
  struct stat status{};
  if (::stat(folder.c_str(), &status) != 0) return WallTime(std::chrono::nanoseconds(errno));
  return WallTime(std::chrono::seconds(status.st_ctim.tv_sec) +
                  std::chrono::nanoseconds(status.st_ctim.tv_nsec));
}

const std::string& place_named(const DatabaseSettings& settings) {
  return settings.glob.empty() ? settings.directory : settings.glob;
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

// Of a place whose files `kept` are members though they were not seen.
Finding unread_finding(const DatabaseSettings& settings, const PlaceListing& listing, std::size_t kept) {
  const PlaceListing::Unread& first = listing.unread.front();
  const bool perhaps_not_ours =
      kept == 0 && std::ranges::all_of(listing.unread, &PlaceListing::Unread::by_wildcard);
  std::string meaning =
      fmt::format("{} can't be read: {}", first.path, std::generic_category().message(first.error_number));
  if (listing.unread.size() > 1) meaning += fmt::format(" (and {} more)", listing.unread.size() - 1);
  meaning += "; who joins or leaves there is not seen";
  if (kept > 0) meaning += fmt::format(", and {} known before stay{} guarded", kept, kept == 1 ? "s" : "");
  return {.id = "config.not-followed",
          .severity = perhaps_not_ours ? Severity::kWarning : Severity::kCritical,
          .object = place_named(settings),
          .meaning = std::move(meaning),
          .remedy = "namei -l " + shell_quoted(first.path)};
}

Finding nothing_finding(const DatabaseSettings& settings) {
  const std::string& place = place_named(settings);
  std::string meaning = settings.glob.empty() ? "there is no such directory" : "nothing matches";
  if (place.starts_with('~')) meaning += ": '~' is a shell's, and means no home here";
  return {.id = "config.matches-nothing",
          .severity = Severity::kWarning,
          .object = place,
          .meaning = std::move(meaning),
          .remedy = "litewright serve --check-config"};
}

class Members {
 public:
  Members(const std::shared_ptr<const Configuration>& configuration, std::span<const Member> before)
      : configuration_(configuration), before_(before) {}

  void add_named(const DatabaseSettings& settings) {
    const DatabaseLocation location = parse_database_url(settings.path);
    if (location.kind != DatabaseKind::kSqlite) {
      throw Error(ErrorCode::kConfig,
                  fmt::format("{}: {} is a PostgreSQL database", file(), location.display),
                  "serve guards SQLite files");
    }
    const std::string path = path_of_named(settings, location.path);
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
    const auto [other, own] = archives_.emplace(place_of(found_.members.back().archive), path);
    if (own) return;
    throw Error(ErrorCode::kConfig,
                fmt::format("{}: {} and {} have one archive: {}", file(), other->second, path, other->first),
                "an archive is one database's: give each its own, or leave archive out");
  }

  void add_found(const DatabaseSettings& settings) {
    const bool by_glob = !settings.glob.empty();
    const std::string fixed = fixed_part(settings.glob);
    PlaceListing listing = by_glob ? list_glob(settings.glob) : list_directory(settings.directory);
    std::map<std::string, const Member*> all = kept(settings, listing);
    const std::size_t unseen = all.size();
    for (const std::string& file : listing.files) all[file] = nullptr;
    if (!listing.unread.empty()) {
      found_.all_read = false;
      found_.troubles.push_back(unread_finding(settings, listing, unseen));
    } else if (listing.is_missing) {
      found_.troubles.push_back(nothing_finding(settings));
    }
    for (const auto& [found, known] : all) {
      const std::string path = known == nullptr ? resolved(found) : known->path;
      if (is_own_copy(found) || !paths_.insert(path).second) continue;
      const std::string name = by_glob && found.starts_with(fixed) ? found.substr(fixed.size())
                                                                   : fs::path(found).filename().string();
      add(names_.contains(name) ? path : name, path, settings);
      found_.members.back().found = found;
      if (known != nullptr && known->settings->archives == settings.archives)
        found_.members.back().archive = known->archive;
    }
  }

  MembersFound take() { return std::move(found_); }

 private:
  std::string file() const { return configuration_->file.string(); }

  std::string resolved(const fs::path& path) const {
    std::error_code failure;
    const fs::path canonical = fs::canonical(path, failure);
    return (failure ? fs::absolute(path).lexically_normal() : canonical).string();
  }

  // Where the way to it can't be gone now, it is where it was.
  std::string path_of_named(const DatabaseSettings& settings, const fs::path& path) const {
    if (presence_of(path.string()).error_number != 0) {
      for (const Member& member : before_) {
        if (member.found.empty() && member.settings->path == settings.path) return member.path;
      }
    }
    return resolved(path);
  }

  // Those that this place had before, are not listed now, and are not known to be gone.
  std::map<std::string, const Member*> kept(const DatabaseSettings& settings, PlaceListing& listing) const {
    std::map<std::string, const Member*> members;
    for (const Member& member : before_) {
      if (member.found.empty() || place_named(*member.settings) != place_named(settings) ||
          std::ranges::binary_search(listing.files, member.found))
        continue;
      const FilePresence presence = presence_of(member.found);
      const bool unknown = presence.error_number != 0;
      if (!unknown && !(presence.is_there && !listing.unread.empty())) continue;
      if (listing.unread.empty()) listing.unread.push_back({member.found, presence.error_number});
      members[member.found] = &member;
    }
    return members;
  }

  // A name is shown, asked for and a label, so it is UTF-8 and one database's.
  void add(const std::string& wanted, const std::string& path, const DatabaseSettings& settings) {
    std::string name = as_utf8(wanted);
    for (int count = 2; names_.contains(name); ++count) name = fmt::format("{} ({})", as_utf8(path), count);
    if (found_.members.size() == kMostMembers) {
      throw Error(ErrorCode::kConfig, fmt::format("{}: more than {} databases", file(), kMostMembers),
                  "let several serve share them");
    }
    names_.insert(name);
    found_.members.push_back({.name = name,
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
  std::span<const Member> before_;
  std::set<std::string> names_, paths_;
  std::map<std::string, std::string> archives_;  // of those named by path: whose
  MembersFound found_;
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

MembersFound look_for_members(const std::shared_ptr<const Configuration>& configuration,
                              std::span<const Member> before) {
  Members members(configuration, before);
  for (const DatabaseSettings& settings : configuration->databases) {
    if (settings.is_one_file()) members.add_named(settings);
  }
  for (const DatabaseSettings& settings : configuration->databases) {
    if (!settings.is_one_file()) members.add_found(settings);
  }
  return members.take();
}

std::vector<Member> find_members(const std::shared_ptr<const Configuration>& configuration) {
  return look_for_members(configuration, {}).members;
}

}  // namespace litewright
