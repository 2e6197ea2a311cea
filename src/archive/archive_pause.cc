#include "archive/archive_pause.h"

#include <chrono>

#include "base/error.h"

namespace litewright {
namespace {
constexpr int kAttempts = 3;  // an owner may come or go between the question and the hold
constexpr std::chrono::seconds kLetsGoWithin{70};

}  // namespace

ArchivePause::ArchivePause(ObjectStore& store) {
  for (int attempt = 0; attempt < kAttempts; attempt++) {
    owner_ = OwnerClient::connect(store);
    if (owner_) {
      owner_->ask({{"op", "suspend"}}, kLetsGoWithin);
      return;
    }
    try {
      hold_ = store.try_hold();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kPermission || read_owner(store)) throw;
      return;
    }
    if (hold_) return;
  }
  throw Error(ErrorCode::kLocked, store.describe() + ": its owner comes and goes", "try again");
}

}  // namespace litewright
