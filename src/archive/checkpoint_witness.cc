#include "archive/checkpoint_witness.h"

#include "base/process_table_linux.h"

namespace litewright {

bool CheckpointWitness::surely_fresh(const WalLockHolders& holders, std::uint32_t change, SteadyTime now) {
  if (holders.checkpointer <= 0 || holders.checkpointer != holders.writer) {
    pid_ = 0;
    return false;
  }
  const bool same = pid_ == holders.writer && change_ == change;
  if (same && now - last_look_ < kBetween) return false;
  last_look_ = now;
  const auto threads = look_at_threads(holders.writer);
  if (!threads) return false;
  if (threads->count == 1) return true;
  if (!same || !threads->all_sleep) {
    pid_ = holders.writer;
    change_ = change;
    looks_ = threads->all_sleep ? 1 : 0;
    first_wakes_ = threads->wakes;
    return false;
  }
  return ++looks_ >= kLooks && threads->wakes > first_wakes_;
}

}  // namespace litewright
