#include "sqlite/database_url.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace litewright {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kSlashesHint =
    "sqlite:///app.db is relative to the working folder, sqlite:////data/app.db absolute";
// Longer than any path Linux takes and any sensible address.
constexpr std::size_t kLongestUrl = 16u << 10;

Error in_memory(std::string_view text) {
  return Error(
      ErrorCode::kUsage,
      fmt::format("{} lives in its process's memory and can't be operated on", without_password(text)),
      "name a database file");
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char small = lower(c);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

std::string percent_decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0 || high + low == 0) {
      throw Error(ErrorCode::kUsage, fmt::format("bad percent-encoding in '{}'", without_password(text)),
                  "write a percent sign as %25, or name the file by its path");
    }
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

// "mode=ro&immutable=1"; later values win, as in SQLite.
struct Query {
  bool read_only = false;
  bool memory = false;
};

bool is_true(std::string_view value) {
  return value == "1" || value == "true" || value == "on" || value == "yes";
}

Query parse_query(std::string_view text) {
  Query query;
  bool immutable = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t equals = std::min(part.find('='), part.size());
    const std::string_view name = part.substr(0, equals);
    // Other values are not ours: they may be a key, and no message may quote them.
    if (name != "mode" && name != "immutable") continue;
    const std::string value = percent_decode(part.substr(std::min(equals + 1, part.size())));
    if (name == "mode") {
      query.read_only = value == "ro";
      query.memory = value == "memory";
    }
    if (name == "immutable") immutable = is_true(value);
  }
  query.read_only |= immutable;
  return query;
}

// Cuts what follows the first `mark` off `text` and returns it.
std::string_view cut_off(std::string_view& text, char mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = text.substr(at + 1);
  text = text.substr(0, at);
  return rest;
}

DatabaseLocation sqlite_location(std::string_view whole, std::string_view encoded_path, const Query& query) {
  const std::string path = percent_decode(encoded_path);
  if (path.empty() || path == ":memory:" || query.memory) throw in_memory(whole);
  DatabaseLocation location;
  location.path = path;
  if (path != encoded_path) location.undecoded_path = fs::path(encoded_path);
  location.read_only = query.read_only;
  location.from_url = true;
  location.display = without_password(path);
  return location;
}

// `rest`: what follows "file:".
DatabaseLocation parse_file_uri(std::string_view whole, std::string_view rest) {
  cut_off(rest, '#');
  const Query query = parse_query(cut_off(rest, '?'));
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string_view host = rest.substr(0, slash);
    if (!host.empty() && host != "localhost") {
      throw Error(ErrorCode::kUsage, fmt::format("'{}' names another host", without_password(whole)),
                  "file:app.db is relative, file:///data/app.db absolute");
    }
    rest.remove_prefix(slash);
  }
  return sqlite_location(whole, rest, query);
}

// `rest`: what follows "sqlite:".
DatabaseLocation parse_sqlite_url(std::string_view whole, std::string_view rest) {
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    // "sqlite://" alone is SQLAlchemy's memory database; "sqlite://app.db" is nobody's but sqlx's.
    if (!rest.empty() && rest[0] != '/' && rest[0] != '?' && rest != ":memory:") {
      throw Error(ErrorCode::kUsage, fmt::format("'{}' has two slashes", without_password(whole)),
                  std::string(kSlashesHint));
    }
    if (rest.starts_with('/')) rest.remove_prefix(1);
  }
  if (rest.starts_with("file:")) return parse_file_uri(whole, rest.substr(5));
  const Query query = parse_query(cut_off(rest, '?'));
  return sqlite_location(whole, rest, query);
}

DatabaseLocation parse_postgres_url(std::string_view text, std::string_view rest) {
  if (!rest.starts_with("//")) {
    throw Error(ErrorCode::kUsage, fmt::format("not an address: '{}'", without_password(text)),
                "addresses look like postgresql://user@host/database");
  }
  DatabaseLocation location;
  location.kind = DatabaseKind::kPostgres;
  location.from_url = true;
  location.secret_address = fmt::format("postgresql:{}", rest);
  location.display = without_password(location.secret_address);
  return location;
}

// "sqlite+aiosqlite" of "sqlite+aiosqlite:///app.db", in small letters; empty where the text is a path. One
// letter is no scheme, and neither is anything with a slash before the colon.
std::string scheme_of(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon < 2) return "";
  std::string scheme(text.substr(0, colon));
  std::ranges::transform(scheme, scheme.begin(), lower);
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.' || c == '_';
  };
  return std::ranges::all_of(scheme, allowed) ? scheme : "";
}

// Of what is neither a file nor a folder: opened, a pipe would be waited for.
const char* kind_of(mode_t mode) {
  if (S_ISFIFO(mode)) return "a pipe";
  return S_ISSOCK(mode) ? "a socket" : "a device";
}

bool file_exists(const fs::path& path) {
  struct stat status = {};
  return ::stat(path.c_str(), &status) == 0;
}

}  // namespace

DatabaseLocation parse_database_url(std::string_view text) {
  if (text.empty()) throw Error(ErrorCode::kUsage, "the database's name is empty", "name a database file");
  if (text.size() > kLongestUrl || text.find('\0') != std::string_view::npos) {
    throw Error(ErrorCode::kUsage, fmt::format("a database's name of {} bytes can't be one", text.size()),
                "name a database file");
  }
  if (text == ":memory:") throw in_memory(text);

  std::string_view rest = text;
  std::string scheme = scheme_of(text);
  if (scheme == "jdbc") {
    rest.remove_prefix(5);
    scheme = scheme_of(rest);
  }
  const std::string family = scheme.substr(0, scheme.find('+'));
  rest.remove_prefix(scheme.empty() ? 0 : scheme.size() + 1);
  if (family == "sqlite" || family == "sqlite3") return parse_sqlite_url(text, rest);
  if (scheme == "file") return parse_file_uri(text, rest);
  if (family == "postgresql" || family == "postgres") return parse_postgres_url(text, rest);
  if (!scheme.empty() && rest.starts_with("//")) {
    throw Error(ErrorCode::kUsage,
                fmt::format("'{}' is no database that is understood", without_password(text)),
                "name a path, sqlite:///app.db, file:app.db or postgresql://host/database");
  }
  DatabaseLocation location;
  location.path = fs::path(text);
  location.display = without_password(text);
  return location;
}

DatabaseLocation locate_database(const std::optional<std::string>& named, const Environment& environment) {
  std::optional<std::string> text = named;
  for (const char* variable : {"DATABASE_URL", "DATABASE_PATH"}) {
    if (text) break;
    text = environment(variable);
    if (text && text->empty()) text.reset();
  }
  if (!text) {
    throw Error(ErrorCode::kUsage,
                "no database was named, and neither $DATABASE_URL nor $DATABASE_PATH is set",
                "name a database file");
  }
  DatabaseLocation location = parse_database_url(*text);
  if (location.undecoded_path && !file_exists(location.path) && file_exists(*location.undecoded_path)) {
    location.path = *location.undecoded_path;
    location.display = without_password(location.path.string());
    location.undecoded_path.reset();
  }
  return location;
}

void require_database_file(const DatabaseLocation& location) {
  struct stat status = {};
  if (::stat(location.path.c_str(), &status) == 0) {
    if (S_ISREG(status.st_mode)) return;
    if (S_ISDIR(status.st_mode)) {
      throw Error(ErrorCode::kNoDatabase, fmt::format("{} is a folder", location.display),
                  "name the database file in it");
    }
    throw Error(ErrorCode::kNoDatabase,
                fmt::format("{} is no file but {}", location.display, kind_of(status.st_mode)),
                "name the database file");
  }
  if (errno != ENOENT && errno != ENOTDIR) throw error_from_errno(errno, "look at " + location.display);
  const fs::path absolute = fs::path("/") / location.path;
  if (location.from_url && location.path.is_relative() && file_exists(absolute)) {
    throw Error(ErrorCode::kNoDatabase, fmt::format("no such database: {}", location.display),
                fmt::format("{} exists; absolute, it is written with four slashes: sqlite:///{}",
                            absolute.string(), absolute.string()));
  }
  std::string hint = "is the volume mounted? ls the folder it should be in";
  if (location.path.is_relative()) {
    std::error_code ignored;
    hint = fmt::format("it was looked for in {}", fs::current_path(ignored).string());
  }
  throw Error(ErrorCode::kNoDatabase, fmt::format("no such database: {}", location.display), hint);
}

std::string without_password(std::string_view text) {
  std::string shown(text);
  const std::size_t host = shown.find("://");
  const std::size_t at = shown.rfind('@');
  // A raw password may hold anything, '/', '?' and '@' too: all up to the last '@' counts as one.
  if (host != std::string::npos && at != std::string::npos && at > host) {
    const std::size_t colon = shown.find(':', host + 3);
    if (colon < at) shown.erase(colon, at - colon);
  }
  constexpr std::string_view kKey = "password=";
  const auto same = [](char a, char b) { return lower(a) == b; };
  for (std::size_t from = 0; from < shown.size();) {
    const auto key = std::search(shown.begin() + static_cast<std::ptrdiff_t>(from), shown.end(), kKey.begin(),
                                 kKey.end(), same);
    if (key == shown.end()) break;
    from = static_cast<std::size_t>(key - shown.begin()) + kKey.size();
    const std::size_t end = std::min(shown.find('&', from), shown.size());
    shown.replace(from, end - from, "***");
    from += 3;
  }
  return shown;
}

}  // namespace litewright
