#include "maintain/row_settlement.h"

#include <fmt/format.h>

#include <algorithm>

#include "maintain/row_note.h"
#include "sqlite/sql_names.h"

namespace litewright {
namespace {

struct Standing {
  std::uint64_t noted = 0;  // rows of the batch
  std::uint64_t stand = 0;  // of them, there as they were, or at least with their key and time
  std::uint64_t there = 0;  // of them, some row has their key: the same, or another since
};

Standing look_at(Connection& connection, const RowTable& table, const std::string& column,
                 const std::string& note) {
  std::string condition;
  for (std::size_t i = 0; i < table.row_key.size(); i++) {
    condition += fmt::format("{}c.{} = ?{}", i == 0 ? "" : " AND ", quoted_name(table.row_key[i]), i + 1);
  }
  Transaction reading(connection, Transaction::Kind::kRead);
  Statement row = connection.prepare(fmt::format("SELECT c.{}, {}, {} FROM {} AS c WHERE {}",
                                                 quoted_name(column), table.key_columns("c."),
                                                 table.stored_columns("c."), table.sql_name(), condition));
  Standing standing;
  for (std::size_t from = 0; from < note.size();) {
    const std::size_t end = std::min(note.find('\n', from), note.size());
    const NotedRow noted = NotedRow::parse(std::string_view(note).substr(from, end - from));
    from = end + 1;
    standing.noted++;
    if (noted.key.size() != table.row_key.size()) {  // the table has another key since: nobody can tell
      standing.there++;
      continue;
    }
    noted.bind_key(row);
    if (row.step()) {
      const NotedRow now = NotedRow::of(row, table.row_key.size(), table.text_form());
      standing.there++;
      standing.stand += now.whole == noted.whole || now.keyed == noted.keyed ? 1 : 0;
    }
    row.reset();
  }
  return standing;
}

}  // namespace

// The deletion was one transaction: it came for all of a batch or for none. Where most of its rows stand it
// never came, and the copies go; the application may have changed or deleted some rows since, and what it did
// to them is what counts. Where few stand, it came, and those few were put back, or have a key that was used
// again. In doubt the copies stay: a row that is there twice is seen and said, a row that is lost is lost.
RowSettlement settle_interrupted(Connection& connection, const RowTable& table, const std::string& column,
                                 RowStore& store) {
  RowSettlement settled;
  while (const auto batch = store.interrupted()) {
    const Standing standing = look_at(connection, table, column, batch->note);
    if (!batch->whole || standing.stand * 2 > standing.noted) {
      store.take_back();
      settled.taken_back++;
    } else {
      store.confirm();
      settled.maybe_twice += standing.there;
    }
  }
  return settled;
}

}  // namespace litewright
