#include "archive/sql_dump.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <ranges>

#include "base/bytes.h"
#include "base/error.h"

namespace litewright {
namespace {

constexpr std::string_view kFirstLine = "-- an SQLite database as SQL, by litewright; journal mode: ";
constexpr std::size_t kPiece = 64u << 10;           // gathered before it goes out
constexpr std::size_t kStatementBytes = 32u << 10;  // an INSERT takes rows up to about here
constexpr std::size_t kLongestValue = 400'000'000;  // twice that, as hex, is below SQLite's longest statement
constexpr std::size_t kLongestRow = 900'000'000;

// Gathers text, and hands it on in pieces.
class SqlText {
 public:
  explicit SqlText(const SqlOut& out) : out_(out) {}
  void add(std::string_view text) {
    buffer_ += text;
    if (buffer_.size() >= kPiece) flush();
  }
  void add_hex(Bytes bytes) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    for (const std::byte byte : bytes) {
      const auto value = std::to_integer<unsigned>(byte);
      buffer_ += kDigits[value >> 4];
      buffer_ += kDigits[value & 15];
      if (buffer_.size() >= kPiece) flush();
    }
  }
  void flush() {
    written_ += buffer_.size();
    if (!buffer_.empty()) out_(buffer_);
    buffer_.clear();
  }
  std::uint64_t written() const { return written_ + buffer_.size(); }

 private:
  const SqlOut& out_;
  std::string buffer_;
  std::uint64_t written_ = 0;
};

// A literal can hold it: UTF-8 as SQLite gives it back unchanged, and no NUL.
bool is_plain_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead == 0) return false;
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xc2 ? 0
                               : lead < 0xe0 ? 2
                               : lead < 0xf0 ? 3
                               : lead < 0xf5 ? 4
                                             : 0;
    if (length == 0 || at + length > text.size()) return false;
    std::uint32_t code = length == 1 ? lead : lead & (0xffu >> (length + 1));
    for (std::size_t i = 1; i < length; i++) {
      const auto next = static_cast<unsigned char>(text[at + i]);
      if ((next & 0xc0) != 0x80) return false;
      code = code << 6 | (next & 0x3f);
    }
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    if (overlong || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    at += length;
  }
  return true;
}

bool is_plain_utf16(Bytes text, bool big_endian) {
  if (text.size() % 2 != 0) return false;
  bool high_before = false;
  for (std::size_t at = 0; at < text.size(); at += 2) {
    const std::uint16_t unit = big_endian ? load_be16(text, at) : load_little_endian<std::uint16_t>(text, at);
    const bool low = unit >= 0xdc00 && unit < 0xe000;
    if (unit == 0 || low != high_before) return false;
    // At the very beginning it would be taken for a byte order mark; SQLite makes U+FFFD of the two last
    // ones.
    if ((at == 0 && unit == 0xfeff) || unit >= 0xfffe) return false;
    high_before = unit >= 0xd800 && unit < 0xdc00;
  }
  return !high_before;
}

// Its last line is a comment: it would swallow a semicolon. Not known by "--" alone: names may have that, and
// a line feed that is not needed would become part of an index's SQL.
bool ends_in_comment(std::string_view sql) {
  while (true) {
    const std::size_t at = sql.find_first_of("'\"`[-/");
    if (at == std::string_view::npos) return false;
    sql.remove_prefix(at);
    std::string_view end(sql.data(), 1);  // a quote ends as it begins
    if (sql[0] == '[') end = "]";
    if (sql.starts_with("--")) {
      end = "\n";
    } else if (sql.starts_with("/*")) {
      end = "*/";
    } else if (sql[0] == '-' || sql[0] == '/') {
      sql.remove_prefix(1);
      continue;
    }
    const std::size_t ended = sql.find(end, end == "\n" || end == "*/" ? 2 : 1);
    if (ended == std::string_view::npos) return end == "\n";
    sql.remove_prefix(ended + end.size());
  }
}

class Dump {
 public:
  Dump(Connection& connection, const SqlDumpOptions& options, const SqlOut& out)
      : connection_(connection),
        options_(options),
        text_(out),
        read_back_(connection.prepare("SELECT CAST(?1 AS REAL)")),
        encoding_(connection.query_text("PRAGMA encoding")) {}

  ContentHash run() {
    const std::vector<SchemaObject> objects = chosen(read_schema(connection_));
    begin();
    bool has_sequences = false;
    for (const SchemaObject& object : objects) {
      if (object.type != "table") continue;
      if (object.name == "sqlite_sequence") has_sequences = true;
      if (!object.is_internal() || object.name == "sqlite_stat1") write_table(object);
    }
    if (has_sequences) write_sequences();
    for (const char* type : {"index", "view", "trigger"}) {
      for (const SchemaObject& object : objects) {
        if (object.type == type && !object.sql.empty()) write_definition(object);
      }
    }
    if (writable_schema_) text_.add("PRAGMA writable_schema=OFF;\n");
    text_.add(fmt::format("PRAGMA user_version={};\n", number("PRAGMA user_version")));
    text_.add(fmt::format("PRAGMA application_id={};\nCOMMIT;\n", number("PRAGMA application_id")));
    text_.flush();
    if (options_.progress) options_.progress(rows_);
    const std::uint64_t hash = hasher_.finish(connection_);
    return {hash, hasher_.rows()};
  }

 private:
  std::int64_t number(std::string_view pragma) { return connection_.query_integer(pragma).value_or(0); }

  void begin() {
    text_.add(
        fmt::format("{}{}\n", kFirstLine, options_.journal_mode.empty() ? "delete" : options_.journal_mode));
    text_.add(fmt::format("PRAGMA encoding='{}';\nPRAGMA page_size={};\nPRAGMA auto_vacuum={};\n", encoding_,
                          number("PRAGMA page_size"), number("PRAGMA auto_vacuum")));
    text_.add("PRAGMA foreign_keys=OFF;\nPRAGMA ignore_check_constraints=ON;\nBEGIN TRANSACTION;\n");
  }

  // Everything, or the tables that were asked for with what belongs to them.
  std::vector<SchemaObject> chosen(std::vector<SchemaObject> objects) {
    if (options_.tables.empty()) return objects;
    std::vector<std::string> wanted = options_.tables;
    for (const std::string& name : options_.tables) {
      const auto found = std::ranges::find_if(
          objects, [&](const SchemaObject& object) { return object.type == "table" && object.name == name; });
      if (found == objects.end()) {
        throw Error(ErrorCode::kNoDatabase, fmt::format("{}: there is no table {}", connection_.path(), name),
                    "its tables: " + table_names(objects));
      }
      if (!found->is_virtual()) continue;
      Statement shadows = connection_.prepare(
          "SELECT name FROM pragma_table_list WHERE schema='main' AND type='shadow' AND substr(name, 1, ?1) "
          "= ?2");
      shadows.bind(1, static_cast<std::int64_t>(name.size() + 1));
      shadows.bind(2, std::string_view(name + "_"));
      while (shadows.step()) wanted.push_back(shadows.text(0));
    }
    only_ = wanted;
    std::erase_if(objects, [&](const SchemaObject& object) {
      const bool sequence = object.name == "sqlite_sequence";
      return object.type == "view" || (!sequence && std::ranges::find(wanted, object.table) == wanted.end());
    });
    return objects;
  }

  static std::string table_names(const std::vector<SchemaObject>& objects) {
    constexpr std::size_t kShown = 12;
    std::string names;
    std::size_t count = 0;
    for (const SchemaObject& object : objects) {
      if (object.type != "table" || object.is_internal()) continue;
      if (count++ < kShown) names += (names.empty() ? "" : ", ") + object.name;
    }
    return names.empty() ? "none"
                         : names + (count > kShown ? fmt::format(", and {} more", count - kShown) : "");
  }

  void write_definition(const SchemaObject& object) {
    hasher_.add_object(object);
    text_.add(object.sql);
    text_.add(ends_in_comment(object.sql) ? "\n;\n" : ";\n");
  }

  void write_table(const SchemaObject& object) {
    if (object.is_virtual()) {
      hasher_.add_object(object);
      if (!writable_schema_) text_.add("PRAGMA writable_schema=ON;\n");
      writable_schema_ = true;
      // As SQLite's own dump: CREATE would make shadow tables of its own.
      text_.add(fmt::format(
          "INSERT INTO sqlite_master(type,name,tbl_name,rootpage,sql)VALUES('table',{0},{0},0,{1});\n",
          quoted_text(object.name), quoted_text(object.sql)));
      return;
    }
    if (object.name == "sqlite_stat1") {
      text_.add("ANALYZE sqlite_master;\nDELETE FROM sqlite_stat1;\n");
    } else {
      write_definition(object);
      if (to_upper(object.sql).find("AUTOINCREMENT") != std::string::npos) sequence_made_ = true;
    }
    write_rows(object.name, object.is_internal(), "");
  }

  static std::string to_upper(std::string_view text) {
    std::string upper(text);
    std::ranges::transform(upper, upper.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return upper;
  }

  // The table of sequences is there as soon as one table with AUTOINCREMENT is.
  void write_sequences() {
    std::string only;
    for (const std::string& name : only_)
      only += (only.empty() ? " WHERE name IN (" : ",") + quoted_text(name);
    if (!only.empty()) only += ")";
    const auto rows = number("SELECT count(*) FROM sqlite_sequence" + only);
    if (rows == 0 && !only_.empty() && !sequence_made_) return;
    if (!sequence_made_) {
      text_.add(
          "CREATE TABLE litewright_sequence(a INTEGER PRIMARY KEY AUTOINCREMENT);\nDROP TABLE "
          "litewright_sequence;\n");
    }
    text_.add("DELETE FROM sqlite_sequence;\n");
    write_rows("sqlite_sequence", true, only);
  }

  void write_rows(const std::string& table, bool internal, const std::string& where) {
    TableLayout layout = read_layout(connection_, table);
    if (internal) layout.rowid.clear();
    std::string insert = fmt::format("INSERT INTO {}(", quoted_name(table)) + layout.rowid;
    bool first = layout.rowid.empty();
    for (const std::string& column : layout.columns) {
      if (!first) insert += ',';
      first = false;
      insert += quoted_name(column);
    }
    insert += ") VALUES\n(";
    Statement rows = connection_.prepare(rows_query(layout) + where);
    const int columns = rows.column_count();
    hasher_.begin_table(table);
    std::uint64_t statement_began = 0;
    bool in_statement = false;
    while (rows.step()) {
      hasher_.add_row(rows, columns);
      if (in_statement && text_.written() - statement_began > kStatementBytes) {
        text_.add(";\n");
        in_statement = false;
      }
      if (!in_statement) statement_began = text_.written();
      text_.add(in_statement ? ",\n(" : insert);
      in_statement = true;
      write_row(table, rows, columns);
    }
    if (in_statement) text_.add(";\n");
    hasher_.end_table();
  }

  void write_row(const std::string& table, Statement& row, int columns) {
    const std::uint64_t began = text_.written();
    for (int i = 0; i < columns; i++) {
      if (i > 0) text_.add(",");
      const bool long_value = (row.type(i) == ValueType::kText || row.type(i) == ValueType::kBlob) &&
                              row.bytes(i).size() > kLongestValue;
      if (long_value || text_.written() - began > kLongestRow) {
        throw Error(ErrorCode::kUsage,
                    fmt::format("a row of {} is too long for an SQL statement ({} bytes in column {})", table,
                                row.bytes(i).size(), i + 1),
                    "copy it as .db, .db.zst or .db.gz");
      }
      write_value(row, i);
    }
    text_.add(")");
    rows_++;
    if (options_.progress && text_.written() - reported_ > kPiece) {
      reported_ = text_.written();
      options_.progress(rows_);
    }
  }

  void write_value(Statement& row, int column) {
    switch (row.type(column)) {
      case ValueType::kNull:
        return text_.add("NULL");
      case ValueType::kInteger:
        return text_.add(fmt::format_int(row.integer(column)).c_str());
      case ValueType::kReal:
        return text_.add(
            real_literal(row.real(column), [this](const std::string& text) { return read_back(text); }));
      case ValueType::kBlob:
        text_.add("X'");
        text_.add_hex(row.bytes(column));
        return text_.add("'");
      case ValueType::kText:
        return write_text(row, column);
    }
  }

  void write_text(Statement& row, int column) {
    const Bytes stored = row.bytes(column);
    const bool utf8 = encoding_ == "UTF-8";
    if (utf8 ? is_plain_utf8(text_of(stored)) : is_plain_utf16(stored, encoding_ == "UTF-16be")) {
      std::string_view text = row.text_view(column);
      text_.add("'");
      while (true) {
        const std::size_t quote = text.find('\'');
        text_.add(text.substr(0, quote));
        if (quote == std::string_view::npos) break;
        text_.add("''");
        text.remove_prefix(quote + 1);
      }
      return text_.add("'");
    }
    text_.add("CAST(X'");
    text_.add_hex(stored);
    text_.add("' AS TEXT)");
  }

  double read_back(const std::string& text) {
    read_back_.reset();
    read_back_.bind(1, std::string_view(text));
    read_back_.step();
    return read_back_.real(0);
  }

  Connection& connection_;
  const SqlDumpOptions& options_;
  SqlText text_;
  Statement read_back_;
  const std::string encoding_;
  std::vector<std::string> only_;  // the tables asked for, with their shadow tables; empty: all
  ContentHasher hasher_;
  bool writable_schema_ = false, sequence_made_ = false;
  std::uint64_t rows_ = 0, reported_ = 0;
};

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

// Whole numbers and powers of two as literals are exact in every SQLite, and so are their products and
// quotients as long as the result is a double.
std::string exact_expression(double value) {
  constexpr int kStep = 50;
  int exponent = 0;
  double fraction = std::frexp(std::fabs(value), &exponent);
  std::uint64_t whole = static_cast<std::uint64_t>(std::ldexp(fraction, 53));
  exponent -= 53;
  while (whole % 2 == 0 && exponent < 0) {
    whole /= 2;
    exponent++;
  }
  std::string text = fmt::format("{}({}.0", std::signbit(value) ? "-" : "", whole);
  for (int left = std::abs(exponent); left > 0; left -= std::min(left, kStep)) {
    text += fmt::format("{}{}.0", exponent > 0 ? '*' : '/', std::uint64_t{1} << std::min(left, kStep));
  }
  return text + ")";
}

}  // namespace

std::string real_literal(double value, const std::function<double(const std::string&)>& reads_back) {
  if (std::isinf(value)) return value > 0 ? "9e999" : "-9e999";
  constexpr double kExactWhole = 9007199254740992.0;
  if (value == std::trunc(value) && std::fabs(value) < kExactWhole) return fmt::format("{:.1f}", value);
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  if (same_bits(reads_back(text), value)) return text;
  text = fmt::format("{:.17e}", value);
  if (same_bits(reads_back(text), value)) return text;
  return exact_expression(value);
}

ContentHash dump_sql(Connection& connection, const SqlDumpOptions& options, const SqlOut& out) {
  return Dump(connection, options, out).run();
}

bool dump_says_wal(std::string_view beginning) {
  return beginning.starts_with(kFirstLine) && beginning.substr(kFirstLine.size()).starts_with("wal");
}

}  // namespace litewright
