#include "archive/verify_record.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/json_text.h"
#include "base/time_text.h"

namespace litewright {

namespace {

using Json = nlohmann::json;

constexpr std::uintmax_t kMostBytes = 64 << 20;

// A cache: whatever can't be read is as if it were not there.
Json read_json(const std::string& path) {
  std::error_code failure;
  const auto size = std::filesystem::file_size(path, failure);
  if (failure || size > kMostBytes) return {};
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  Json json = parse_json(text.str());
  return json.is_object() ? json : Json();
}

}  // namespace

VerifyRecord::VerifyRecord(std::string path, const Clock& clock) : path_(std::move(path)), clock_(clock) {}

void VerifyRecord::begin(const std::string& archive_id, const std::string& subset, Begin begin,
                         std::chrono::nanoseconds trust) {
  const std::lock_guard lock(mutex_);
  archive_id_ = archive_id;
  subset_ = subset;
  begun_ = clock_.wall();
  if (trust > std::chrono::nanoseconds(0)) trusted_from_ = begun_ - trust;
  saved_ = clock_.steady();
  if (path_.empty()) return;
  try {
    load(archive_id, subset, begin);
  } catch (const Json::exception&) {  // another shape than ours
    checked_ = proven_ = {};
    faults_ = {};
    chain_ = {};
    sound_ = {};
  } catch (const Error&) {
  }
  next_rotation_ = rotation_;
}

void VerifyRecord::load(const std::string& archive_id, const std::string& subset, Begin begin) {
  const Json json = read_json(path_);
  if (!json.is_object() || json.value("archive", "") != archive_id) return;
  rotation_ = json.value("rotation", std::uint64_t{0});
  for (const Json& run : json.value("sound", Json::array())) {
    const WallTime at = parse_time(run.at("at").get<std::string>(), begun_);
    if (at > begun_) continue;  // the clock was set back
    for (const Json& object : run.at("objects")) sound_.emplace(object.get<std::string>(), at);
  }
  const bool same = begin == Begin::kResume && json.contains("begun") && json.value("subset", "") == subset;
  if (!same) return;
  const WallTime then = parse_time(json["begun"].get<std::string>(), begun_);
  if (then > begun_ || begun_ - then > kOldest) return;
  checked_ = json.at("checked").get<std::set<std::string>>();
  proven_ = json.at("proven").get<std::set<std::string>>();
  faults_ = json.at("faults").get<std::map<std::string, std::string>>();
  chain_ = json.at("chain").get<std::vector<std::string>>();
  begun_ = then;
  resumed_ = true;
}

std::optional<WallTime> VerifyRecord::resumed_from() const {
  const std::lock_guard lock(mutex_);
  return resumed_ ? std::optional(begun_) : std::nullopt;
}

bool VerifyRecord::is_trusted(const std::string& object) const {
  const auto found = sound_.find(object);
  return found != sound_.end() && found->second >= trusted_from_;
}

bool VerifyRecord::trusted(const std::string& object) const {
  const std::lock_guard lock(mutex_);
  return is_trusted(object);
}

bool VerifyRecord::checked(const std::string& object) const {
  const std::lock_guard lock(mutex_);
  return checked_.contains(object) || is_trusted(object);
}

void VerifyRecord::add_checked(const std::string& object) {
  const std::lock_guard lock(mutex_);
  checked_.insert(object);
}

bool VerifyRecord::proven(const std::string& object) const {
  const std::lock_guard lock(mutex_);
  return proven_.contains(object) || is_trusted(object);
}

void VerifyRecord::add_proven(const std::vector<std::string>& objects) {
  const std::lock_guard lock(mutex_);
  proven_.insert(objects.begin(), objects.end());
  chain_.clear();
}

std::vector<std::string> VerifyRecord::chain() const {
  const std::lock_guard lock(mutex_);
  return chain_;
}

void VerifyRecord::set_chain(std::vector<std::string> objects) {
  const std::lock_guard lock(mutex_);
  chain_ = std::move(objects);
}

std::map<std::string, std::string> VerifyRecord::faults() const {
  const std::lock_guard lock(mutex_);
  return faults_;
}

void VerifyRecord::add_fault(const std::string& object, const std::string& what) {
  const std::lock_guard lock(mutex_);
  faults_.emplace(object, what);
}

std::uint64_t VerifyRecord::rotation() const {
  const std::lock_guard lock(mutex_);
  return rotation_;
}

void VerifyRecord::set_rotation(std::uint64_t next) {
  const std::lock_guard lock(mutex_);
  next_rotation_ = next;
}

void VerifyRecord::save_sometimes() {
  const std::lock_guard lock(mutex_);
  if (clock_.steady() - saved_ >= kSaveInterval) write();
}

void VerifyRecord::save() {
  const std::lock_guard lock(mutex_);
  write();
}

void VerifyRecord::finish(const std::vector<std::string>& sound) {
  const std::lock_guard lock(mutex_);
  finished_ = true;
  std::map<std::string, WallTime> there;
  for (const std::string& object : sound) {
    const auto before = sound_.find(object);
    if (checked_.contains(object) && proven_.contains(object)) {
      there.emplace(object, begun_);
    } else if (before != sound_.end()) {
      there.insert(*before);
    }
  }
  sound_ = std::move(there);
  write();
}

void VerifyRecord::write() {
  saved_ = clock_.steady();
  if (path_.empty()) return;
  Json json = {{"archive", archive_id_}, {"rotation", finished_ ? next_rotation_ : rotation_}};
  std::map<WallTime, std::vector<std::string>> sound;
  for (const auto& [object, at] : sound_) sound[at].push_back(object);
  for (const auto& [at, objects] : sound)
    json["sound"].push_back({{"at", format_utc_time(at)}, {"objects", objects}});
  if (!finished_) {
    json["subset"] = subset_;
    json["begun"] = format_utc_time(begun_);
    json["checked"] = checked_;
    json["proven"] = proven_;
    json["faults"] = faults_;
    json["chain"] = chain_;
  }
  const std::string text = json_text(json) + "\n";
  try {
    write_file_durably(path_, std::as_bytes(std::span(text)));
  } catch (const Error&) {
    // Losing it costs time only, and what was found is reported all the same.
    path_.clear();
  }
}

}  // namespace litewright
