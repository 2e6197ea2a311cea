// What a verification has got done so far, kept in a file of the state folder, so that one that was stopped,
// or killed, goes on where it was. Losing the file costs time only.
//
// {"archive": id, "subset": "1/7", "begun": UTC, "checked": [object, …], "faults": {object: what, …},
//  "proven": [object, …], "chain": [object, …], "rotation": N, "sound": [{"at": UTC, "objects": [object, …]},
//  …]}
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"

namespace litewright {

// Usable from several threads at once. Objects never change under their name: a name checked once is checked.
class VerifyRecord {
 public:
  // A file of another archive or subset, older than kOldest, or not readable counts as none. `path` empty:
  // nothing is kept.
  static constexpr std::chrono::hours kOldest{24};
  VerifyRecord(std::string path, const Clock& clock);

  // Goes on with what an interrupted run left, or begins anew. What a finished run read whole and found sound
  // at most `trust` ago counts as checked and proven.
  enum class Begin { kResume, kAnew };
  void begin(const std::string& archive_id, const std::string& subset, Begin begin,
             std::chrono::nanoseconds trust = {});
  bool trusted(const std::string& object) const;
  // When the run that this one goes on with began; nullopt: it began now.
  std::optional<WallTime> resumed_from() const;

  bool checked(const std::string& object) const;
  void add_checked(const std::string& object);  // its bytes are as written, or its fault is recorded
  bool proven(const std::string& object) const;
  void add_proven(const std::vector<std::string>& objects);  // ends the chain at hand
  // The objects, from a snapshot on, of the chain at hand that are proven.
  std::vector<std::string> chain() const;
  void set_chain(std::vector<std::string> objects);
  std::map<std::string, std::string> faults() const;
  void add_fault(const std::string& object, const std::string& what);

  // Where the next rotating subset begins; kept from run to run.
  std::uint64_t rotation() const;
  void set_rotation(std::uint64_t next);

  // Writes the file, unless it was written within the last kSaveInterval.
  static constexpr std::chrono::seconds kSaveInterval{2};
  void save_sometimes();
  void save();
  // Nothing is left to do: the rotation is kept, and of `sound`, the objects that are there and sound, when
  // each was read whole last.
  void finish(const std::vector<std::string>& sound);

 private:
  void load(const std::string& archive_id, const std::string& subset, Begin begin);
  bool is_trusted(const std::string& object) const;
  void write();

  std::string path_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::string archive_id_, subset_;
  WallTime begun_{};
  bool resumed_ = false, finished_ = false;
  std::set<std::string> checked_, proven_;
  std::map<std::string, WallTime> sound_;  // when a run that finished began to read it
  WallTime trusted_from_ = WallTime::max();
  std::map<std::string, std::string> faults_;
  std::vector<std::string> chain_;
  std::uint64_t rotation_ = 0, next_rotation_ = 0;
  SteadyTime saved_{};
};

}  // namespace litewright
