// Where archived rows go, if not to a table of the same database: another database, a CSV file.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_descriptor.h"
#include "maintain/row_archive.h"

namespace litewright {

// A table of another database, which is made where it does not exist. The note of the batch at hand stands in
// its table litewright_unconfirmed, written in the same transaction as the rows.
class DatabaseRowStore final : public RowStore {
 public:
  struct Options {
    std::string path = {};
    std::string table = {};
    std::vector<std::string> stored = {};
    std::string source = {};  // which database and table the rows come from
    std::string time = {};
  };
  // Throws as Connection does; Error{kUsage} where a table of another shape is in its place.
  explicit DatabaseRowStore(Options options);

  std::optional<std::string> unconfirmed() override;
  void take_back() override;
  void confirm() override;
  void store(const std::string& note, Statement& rows, std::size_t key_columns) override;

 private:
  void read_back(std::int64_t first, const std::vector<std::uint64_t>& wanted);

  Options options_;
  Connection connection_;
};

// A CSV file that grows by a piece a batch, each packed by itself (as zstd frames may stand one behind
// another). FILE.unconfirmed, beside it, says where the last piece begins, with its note.
class CsvRowStore final : public RowStore {
 public:
  using Pack = std::function<std::string(std::string_view)>;
  // Throws Error{kUsage} where the file begins otherwise than this table's would, Error{kLocked} where
  // another run writes it.
  CsvRowStore(std::filesystem::path file, const std::vector<std::string>& stored, Pack pack, Pack unpack);

  std::optional<std::string> unconfirmed() override;
  void take_back() override;
  void confirm() override;
  void store(const std::string& note, Statement& rows, std::size_t key_columns) override;

 private:
  std::uint64_t size() const;

  std::filesystem::path file_, sidecar_;
  FileDescriptor descriptor_;
  Pack pack_, unpack_;
};

}  // namespace litewright
