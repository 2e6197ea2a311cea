// What only SQLite can evaluate, asked on the snapshot's own connection, one table or index at a time: the
// keys that rows ask an index with expressions for, and a table's CHECK constraints.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "check/check_plan.h"
#include "check/row_judge.h"
#include "sqlite/connection.h"

namespace litewright {

// One thread's. Whatever SQLite refuses (a function that only the application has, the time that is up) comes
// back as the reason, never as an exception.
class SqliteAsks {
 public:
  // `give_up` ends whatever is being asked, and all that would be asked after it; empty: never.
  SqliteAsks(Connection& connection, std::function<bool()> give_up)
      : connection_(connection), give_up_(std::move(give_up)) {}

  struct Key {
    std::uint64_t hash = 0;
    std::string row = {};  // "rowid 17", or the primary key's values
  };
  // Each key the rows ask `index` for. `named`: whether Key::row is wanted. Returns why it could not be done.
  std::optional<std::string> keys(const IndexPlan& index, KeyEncoding encoding, bool named,
                                  const std::function<void(const Key&)>& take);

  // The rows that break one of the table's CHECK constraints, at most `most`. `broken` gets the row's name
  // and the constraint. Returns why it could not be done.
  std::optional<std::string> checks(
      const TablePlan& table, std::size_t most,
      const std::function<void(const std::string& row, const std::string& check)>& broken);

  // What PRAGMA quick_check (integrity_check where `whole`) says of one table; nothing where it is sound.
  struct Answer {
    std::vector<std::string> complaints = {};
    std::optional<std::string> refused = {};
  };
  Answer check_table(const std::string& table, bool whole);

  std::uint64_t asked() const { return asked_; }

 private:
  std::uint64_t run(const std::string& sql, const std::function<void(const Statement&)>& row);

  Connection& connection_;
  std::function<bool()> give_up_;
  std::uint64_t asked_ = 0;
};

}  // namespace litewright
