// Rows into a CSV file that grows by a piece a batch, each packed by itself (as zstd frames may stand one
// behind another). The note of the last piece stands beside it, in FILE.unconfirmed:
//
//   litewright unconfirmed 1
//   bytes BEGIN END      where the piece stands in FILE; shorter than END, it was never whole
//   source SOURCE        the database and the table that its rows come from
//   …                    row_note.h
//
// Written before the piece, durable before it, and removed when the rows' deletion has come. While another
// source's note stands nothing is written: only that source's rows say what becomes of its piece.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "maintain/row_store.h"
#include "maintain/row_table.h"
#include "maintain/target_turn.h"

namespace litewright {

class CsvRowStore final : public RowStore {
 public:
  using Pack = std::function<std::string(std::string_view)>;
  struct Options {
    TargetWish target = {};
    std::vector<std::string> stored = {};
    std::string source = {};  // never another database's or table's
    TextForm form = TextForm::kUtf8;
    Pack pack = {}, unpack = {};
  };
  // Throws as take_target() does; Error{kUsage} where the file begins otherwise than this table's would,
  // Error{kLocked} where another source's batch waits to be settled.
  CsvRowStore(Options options, const Clock& clock);

  std::optional<Interrupted> interrupted() override;
  void take_back() override;
  void confirm() override;
  void store(const std::string& note, Statement& rows, int first_column) override;

 private:
  struct Sidecar {
    std::uint64_t begin = 0, end = 0;
    std::string source = {}, note = {};
  };
  std::optional<Sidecar> sidecar() const;
  void refuse_notes_of_others() const;
  void begin_file();
  std::uint64_t size() const;
  void cut(std::uint64_t length);

  Options options_;
  std::filesystem::path file_, sidecar_;
  FileDescriptor descriptor_;
};

}  // namespace litewright
