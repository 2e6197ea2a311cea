// The spool of one archive on this machine: segments that the archive did not take yet lie in
// STATE/spool/PLACE-ID/ and go there in their order when it does (docs/decisions/0007). Says by findings what
// the archive does not take, and since when it does again.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "archive/catalogue.h"
#include "archive/owner.h"
#include "base/clock.h"
#include "base/finding.h"
#include "store/spooling_store.h"

namespace litewright {

// archive.unwritable: ok, where there is no trouble.
Finding unwritable_finding(const SpoolStatus& status, const std::string& database, const std::string& place);

// As the owner's answer to "status" has it.
nlohmann::json spool_status_json(const SpoolStatus& status);
SpoolStatus spool_status_of(const nlohmann::json& json);

struct ArchiveSpoolOptions {
  std::string state_folder;
  std::string database;  // for findings
  std::uint64_t limit_bytes = 256 << 20;
  std::chrono::milliseconds patience{2000};
};

class ArchiveSpool {
 public:
  // Takes up what an earlier run left, as far as it goes on from the archive's newest commit; what does not
  // is dropped, and said. Where the state folder can't hold a spool there is none, which is said too.
  // `found` is called on any thread.
  ArchiveSpool(ObjectStore& far, Ownership& ownership, const ArchiveIdentity& identity, const Clock& clock,
               ArchiveSpoolOptions options, std::function<void(const Finding&)> found);
  ~ArchiveSpool();  // leaves nothing behind where nothing waits

  // To be followed into: what it says is there may still be here.
  SpoolingStore& store() { return *store_; }

  static std::string folder(const std::string& state_folder, const std::string& place, const std::string& id);

 private:
  std::unique_ptr<ObjectStore> open_near(const std::string& place, const std::string& id);
  void drop_spools_of_others(const std::string& folder);
  void drop_what_does_not_follow();
  void report(const SpoolStatus& status);

  ObjectStore& far_;
  const Clock& clock_;
  ArchiveSpoolOptions options_;
  std::function<void(const Finding&)> found_;
  std::string folder_;
  std::unique_ptr<ObjectStore> near_;
  bool may_be_removed_ = false;  // it is this archive's own folder
  std::unique_ptr<SpoolingStore> store_;
  // Of the last finding: the same is said again only after a while.
  Severity reported_ = Severity::kOk;
  int reported_code_ = 0;
  SteadyTime reported_at_{};
};

}  // namespace litewright
