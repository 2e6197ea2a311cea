// Where copies of rows go, if not to a table of the same database.
//
// No transaction spans both files. So a batch is stored with a note (row_note.h), which goes when the rows'
// deletion is known to have come: after an interruption it says what there is to settle (row_settlement.h).
#pragma once

#include <optional>
#include <string>

#include "sqlite/connection.h"

namespace litewright {

// Has its file for itself as long as it lives: other runs wait. Used from one thread.
class RowStore {
 public:
  virtual ~RowStore() = default;

  struct Interrupted {
    std::string note = {};
    bool whole = true;  // false: it was cut off while it was written, so no row of it was deleted yet
  };
  // A batch of this source's rows that was stored and whose deletion nobody confirmed, in whatever table of
  // the file: the one that take_back() and confirm() are about, until store().
  virtual std::optional<Interrupted> interrupted() = 0;
  virtual void take_back() = 0;  // the batch goes, and its note
  virtual void confirm() = 0;    // the batch stays, its note goes

  // A batch: durable and read back when store() returns. `rows` gives one after another, the stored columns
  // from `first_column` on. Throws Error{kLocked} soon where the file is locked, for the source's writers
  // wait meanwhile; then, and where copies do not read back as they were, nothing is stored. After another
  // error a note may be there.
  virtual void store(const std::string& note, Statement& rows, int first_column) = 0;
};

}  // namespace litewright
