// What becomes of batches that were stored and whose deletion nobody confirmed: a run was killed in between.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "maintain/row_store.h"
#include "maintain/row_table.h"
#include "maintain/write_turn.h"

namespace litewright {

struct RowSettlement {
  std::uint64_t taken_back = 0;   // batches: their deletion never came
  std::uint64_t maybe_twice = 0;  // rows of the others that have their key in the table all the same
};

// All of this source's in the store's file. `column`: the time that makes a row old. Reads the table, changes
// nothing of it. Throws as the store does; Error{kDamaged} for a note that is none.
RowSettlement settle_interrupted(Connection& connection, const RowTable& table, const std::string& column,
                                 RowStore& store);

}  // namespace litewright
