#include "archive/companions.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "archive/copy_pages.h"
#include "archive/documents.h"
#include "archive/frame_press.h"
#include "archive/sealed_document.h"
#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/json_text.h"
#include "base/shell_words.h"
#include "base/time_text.h"

namespace litewright {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::string_view kFolder = "files/";
constexpr std::string_view kManifest = "/manifest.json";
constexpr std::uint64_t kMaxManifestBytes = 1 << 20;
constexpr std::uint64_t kMostStoredBytes = kMostCompanionBytes + (1 << 20);  // what can't be compressed grows
constexpr int kZstdLevel = 3;
constexpr int kReadTries = 5;
constexpr std::chrono::milliseconds kBetweenTries{50};

std::string manifest_object(std::string_view point) {
  return fmt::format("{}{}{}", kFolder, point, kManifest);
}
std::string content_object(std::string_view point, std::size_t number) {
  return fmt::format("{}{}/{:04}.zst", kFolder, point, number);
}

struct ReadFile {
  std::vector<std::byte> content;
  struct stat status{};
};

bool same(const struct stat& a, const struct stat& b) {
  const auto equal = [](const timespec& x, const timespec& y) {
    return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec;
  };
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         equal(a.st_mtim, b.st_mtim) && equal(a.st_ctim, b.st_ctim);
}

void require_companion(const fs::path& path, const struct stat& status) {
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::kUsage, path.string() + " is no regular file",
                "name the files themselves: --file PATH");
  }
  if (static_cast<std::uint64_t>(status.st_size) > kMostCompanionBytes) {
    throw Error(ErrorCode::kUsage,
                fmt::format("{} has {}, a companion at most {}", path.string(),
                            format_size(static_cast<std::uint64_t>(status.st_size)),
                            format_size(kMostCompanionBytes)),
                "companions are for keys and configuration");
  }
}

// nullopt: it changed meanwhile. Opened without waiting: it may be a pipe.
std::optional<ReadFile> try_read(const fs::path& path) {
  const FileDescriptor file = open_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  ReadFile read;
  if (::fstat(file.get(), &read.status) != 0) throw error_from_errno(errno, "look at " + path.string());
  require_companion(path, read.status);
  read.content.resize(static_cast<std::size_t>(read.status.st_size) + 1);  // one more would be seen
  const std::size_t size = pread_fully(file.get(), read.content, 0, path.string());
  struct stat after{}, named{};
  if (::fstat(file.get(), &after) != 0) throw error_from_errno(errno, "look at " + path.string());
  const bool still_there = ::stat(path.c_str(), &named) == 0;
  if (size + 1 != read.content.size() || !same(read.status, after) || !still_there || !same(after, named))
    return std::nullopt;
  read.content.resize(size);
  return read;
}

ReadFile read_steady(const fs::path& path) {
  for (int tries = 0; tries < kReadTries; ++tries) {
    if (tries > 0) std::this_thread::sleep_for(kBetweenTries);
    auto read = try_read(path);
    if (!read) continue;
    // Opening and closing it may have dropped an application's locks only in its own process; but a copy of a
    // live database's bytes is no copy of the database.
    if (begins_as_database(read->content)) {
      throw Error(ErrorCode::kUsage, path.string() + " is a SQLite database: copied as a file it may be torn",
                  "litewright backup " + shell_quoted(path.string()));
    }
    return std::move(*read);
  }
  throw Error(ErrorCode::kLocked, path.string() + " changes while it is read",
              "try again when nobody writes to it");
}

fs::path resolved(const fs::path& path) {
  std::error_code failed;
  const fs::path real = fs::canonical(path, failed);
  if (failed)
    throw error_from_errno(failed.value(), "open " + path.string(), "name the files that are there");
  if (as_utf8(real.string()) != real.string()) {
    throw Error(ErrorCode::kUsage, path.string() + ": its path is no UTF-8: it can't be written down");
  }
  return real;
}

WallTime modified_at(const struct stat& status) {
  return WallTime(std::chrono::seconds(status.st_mtim.tv_sec) +
                  std::chrono::nanoseconds(status.st_mtim.tv_nsec));
}

bool point_exists(const ObjectStore& store, const std::string& point) {
  const std::string object = point_object(point);
  const std::vector<ObjectInfo> there = store.list(object);
  return std::ranges::find(there, object, &ObjectInfo::name) != there.end();
}

Companion keep_one(ObjectStore& store, const fs::path& path, std::string object) {
  const ReadFile read = read_steady(path);
  std::vector<std::byte> stored;
  Compressor(kZstdLevel).append(read.content, stored);
  put_object(store, object, stored);
  return {.path = path.string(),
          .bytes = read.content.size(),
          .checksum = checksum64(read.content),
          .mode = read.status.st_mode & 07777u,
          .modified = modified_at(read.status),
          .object = std::move(object)};
}

std::string manifest_document(const CompanionSet& set) {
  Json files = Json::array();
  for (const Companion& file : set.files) {
    files.push_back({{"path", file.path},
                     {"bytes", file.bytes},
                     {"checksum", fmt::format("{:016x}", file.checksum)},
                     {"mode", fmt::format("{:04o}", file.mode)},
                     {"modified", format_utc_time(file.modified)},
                     {"object", file.object}});
  }
  return seal_document(
      Json{{"point", set.point}, {"created", format_utc_time(set.created)}, {"files", files}});
}

template <typename Number>
Number number_in(const std::string& text, int base) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size())
    throw Error(ErrorCode::kDamaged, "no number: " + text);
  return number;
}

Companion parse_companion(const Json& json, const std::string& point, std::size_t number) {
  Companion file{.path = json.at("path").get<std::string>(),
                 .bytes = json.at("bytes").get<std::uint64_t>(),
                 .checksum = number_in<std::uint64_t>(json.at("checksum").get<std::string>(), 16),
                 .mode = number_in<std::uint32_t>(json.at("mode").get<std::string>(), 8),
                 .modified = parse_time(json.at("modified").get<std::string>(), WallTime{}),
                 .object = json.at("object").get<std::string>()};
  const fs::path path(file.path);
  const bool plain = path.is_absolute() && path.lexically_normal() == path && path.has_filename() &&
                     file.path.find('\0') == std::string::npos;
  if (!plain || file.mode > 07777u || file.bytes > kMostCompanionBytes ||
      file.object != content_object(point, number))
    throw Error(ErrorCode::kDamaged, fmt::format("file {} is not as it can have been written", number));
  return file;
}

CompanionSet parse_manifest(const std::string& text, const std::string& point, const std::string& object) {
  try {
    const Json json = open_sealed_document(text, object);
    CompanionSet set{.point = json.at("point").get<std::string>(),
                     .created = parse_time(json.at("created").get<std::string>(), WallTime{}),
                     .files = {}};
    const Json& files = json.at("files");
    if (set.point != point || !files.is_array() || files.empty() || files.size() > kMostCompanions)
      throw Error(ErrorCode::kDamaged, object + ": not the point's own");
    for (const Json& file : files) set.files.push_back(parse_companion(file, point, set.files.size()));
    return set;
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorCode::kDamaged, fmt::format("{}: {}", object, error.what()));
  } catch (const Error& error) {
    if (std::string_view(error.what()).starts_with(object)) throw;
    throw Error(ErrorCode::kDamaged, fmt::format("{}: {}", object, error.what()));
  }
}

}  // namespace

CompanionSet keep_companions(ObjectStore& store, const std::string& point, std::span<const fs::path> files,
                             const Clock& clock) {
  if (!valid_point_name(point)) {
    throw Error(ErrorCode::kUsage, fmt::format("\"{}\" can't be a point's name", point),
                "use letters, digits, '.', '_' and '-', at most 64 of them");
  }
  if (files.size() > kMostCompanions) {
    throw Error(ErrorCode::kUsage,
                fmt::format("{} files, a point has at most {}", files.size(), kMostCompanions));
  }
  if (point_exists(store, point)) {
    throw Error(ErrorCode::kCantCreate, fmt::format("point \"{}\" exists", point), "choose another name");
  }
  std::set<fs::path> paths;
  for (const fs::path& file : files) {
    if (!paths.insert(resolved(file)).second)
      throw Error(ErrorCode::kUsage, fmt::format("{} is given twice", file.string()));
  }
  remove_companions(store, point);
  CompanionSet set{.point = point, .created = clock.wall(), .files = {}};
  try {
    for (const fs::path& path : paths)
      set.files.push_back(keep_one(store, path, content_object(point, set.files.size())));
    const std::string manifest = manifest_document(set);
    put_object(store, manifest_object(point), std::as_bytes(std::span(manifest)));
  } catch (const Error&) {
    remove_companions(store, point);
    throw;
  }
  return set;
}

std::optional<CompanionSet> read_companions(const ObjectStore& store, const std::string& point) {
  const std::string object = manifest_object(point);
  const std::vector<ObjectInfo> there = store.list(fmt::format("{}{}/", kFolder, point));
  if (there.empty()) return std::nullopt;
  if (std::ranges::find(there, object, &ObjectInfo::name) == there.end())
    throw Error(ErrorCode::kDamaged, object + ": missing: what the files are called is lost");
  return parse_manifest(read_object(store, object, kMaxManifestBytes), point, object);
}

std::vector<std::byte> read_companion(const ObjectStore& store, const Companion& companion) {
  const std::string stored = read_object(store, companion.object, kMostStoredBytes);
  std::vector<std::byte> content(companion.bytes);
  const bool whole = Decompressor().run(std::as_bytes(std::span(stored)), content) &&
                     checksum64(content) == companion.checksum;
  if (whole) return content;
  throw Error(ErrorCode::kDamaged,
              fmt::format("{}: is not {} as it was kept", companion.object, companion.path),
              "litewright verify shows what else is damaged");
}

CompanionListing list_companions(const ObjectStore& store, std::span<const NamedPoint> points) {
  CompanionListing listing;
  std::set<std::string> with_files;
  for (const ObjectInfo& object : store.list(kFolder)) {
    const std::string_view name = std::string_view(object.name).substr(kFolder.size());
    with_files.emplace(name.substr(0, name.find('/')));
  }
  for (const NamedPoint& point : points) {
    if (!with_files.contains(point.name)) continue;
    try {
      if (auto set = read_companions(store, point.name)) listing.sets.push_back(std::move(*set));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDamaged) throw;
      listing.bad_objects.push_back({manifest_object(point.name), error.what()});
    }
  }
  return listing;
}

std::uint64_t verify_companions(const ObjectStore& store, std::span<const NamedPoint> points,
                                const std::function<void(const BadObject&)>& damage) {
  const CompanionListing listing = list_companions(store, points);
  for (const BadObject& bad : listing.bad_objects) damage(bad);
  std::uint64_t objects = listing.bad_objects.size();
  for (const CompanionSet& set : listing.sets) {
    ++objects;
    for (const Companion& file : set.files) {
      ++objects;
      try {
        read_companion(store, file);
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kDamaged && error.code() != ErrorCode::kNoDatabase) throw;
        damage({file.object, error.what()});
      }
    }
  }
  return objects;
}

// The manifest first: what is left of the rest is then no damage of a point that is gone.
void remove_companions(ObjectStore& store, const std::string& point) {
  store.remove(manifest_object(point));
  for (const ObjectInfo& object : store.list(fmt::format("{}{}/", kFolder, point))) store.remove(object.name);
}

}  // namespace litewright
