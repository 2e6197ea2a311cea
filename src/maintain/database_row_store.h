// Rows into a table of another database, which is made where it does not exist.
//
// Any number of databases and tables may share the file, so the note of a batch says whose it is and which
// rows:
//
//   litewright_unconfirmed(source, target, first_id, last_id, note, PRIMARY KEY(source, target))
//
//   source     RowStore's: the database and the table that the rows come from
//   target     the table of this file that they were put into
//   first_id, last_id   their archived_id there; all between are the batch's
//   note       row_note.h
//
// It is written in one transaction with the rows, and goes in a later one. What is taken back or read back is
// between those two ids of that table, never more: what lies behind may be another source's.
#pragma once

#include "maintain/archive_table.h"
#include "maintain/row_store.h"
#include "maintain/row_table.h"
#include "maintain/target_turn.h"

namespace litewright {

class DatabaseRowStore final : public RowStore {
 public:
  struct Options {
    TargetWish target = {};
    std::string table = {};
    std::vector<std::string> stored = {};
    std::string source = {};         // never another database's or table's
    std::string encoding = "UTF-8";  // the source's; a new file gets it
    std::string time = {};
  };
  // Throws as Connection and take_target() do; Error{kUsage} where a table of another shape is in its place.
  DatabaseRowStore(Options options, const Clock& clock);

  std::optional<Interrupted> interrupted() override;
  void take_back() override;
  void confirm() override;
  void store(const std::string& note, Statement& rows, int first_column) override;

 private:
  void refuse_other_shapes();
  void make_tables();
  void wait_long();
  std::int64_t put(Statement& rows, int first_column, std::vector<std::uint64_t>& wanted);
  bool reads_back(std::int64_t first, const std::vector<std::uint64_t>& wanted);
  void forget_note();

  Options options_;
  const Clock& clock_;
  TextForm form_;
  ArchiveTable shape_;
  std::string at_hand_;  // the target of the batch that take_back() and confirm() are about
  // In this order: it is closed after the connection (FACTS 7).
  FileDescriptor turn_;
  Connection connection_;
};

}  // namespace litewright
