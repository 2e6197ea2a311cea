// How commands speak: text for people, or JSON for programs, on standard output; notes on standard error.
// A command fills both; which of them is printed is decided here.
#pragma once

#include <cstdio>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/finding.h"

namespace litewright {

// Columns that line up, two blanks apart. Widths are counted in code points (UTF-8).
class TextTable {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title = {};
    Align align = Align::kLeft;
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // As many cells as columns; throws Error{kInternal} otherwise.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  // The titles and the rows, a line feed behind each, no blanks at the ends of lines.
  std::string render() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

enum class OutputFormat { kText, kJson };
enum class Ink { kPlain, kBold, kDim, kGreen, kYellow, kRed };

// For one thread. Write errors throw Error{kIo}, except that a reader who went away (`| head`) ends the
// output in silence.
class Output {
 public:
  struct Options {
    std::string command = {};  // for the schema: "backup", or "backup.event" for a second shape
    OutputFormat format = OutputFormat::kText;
    bool quiet = false;   // text only where it is the answer itself
    bool colour = false;  // escape sequences in text
  };

  // Borrows both streams. Standard error is for notes and progress.
  Output(std::FILE* out, std::FILE* err, Options options);

  bool json() const { return options_.format == OutputFormat::kJson; }
  bool quiet() const { return options_.quiet; }

  // Text for people, a line feed added; nothing under --json or --quiet.
  void line(std::string_view text);
  void table(const TextTable& table);
  // The same, under --quiet too: the answer that was asked for.
  void answer(std::string_view text);
  void findings(std::span<const Finding> findings);

  // What happens on the way: on standard error, under --json too; nothing under --quiet.
  void note(std::string_view text);

  // One line, {"schema": "litewright/<command>/<version>", …body}, flushed; nothing as text. Commands that
  // watch print one for each event. `body` is an object; docs/json.md says when `version` grows. A command's
  // other shape of object: {"schema": "litewright/<command>.<shape>/<version>", …}.
  void document(const nlohmann::ordered_json& body, int version = 1, std::string_view shape = {});

  // `text` in that ink where colour is on.
  std::string paint(Ink ink, std::string_view text) const;
  static Ink ink_of(Severity severity);

  // Where progress bars go: standard error on a terminal without --quiet, else null (Progress is silent).
  std::FILE* progress_stream() const;

  // Writes out what is buffered; main calls it before the exit status is decided.
  void flush();

 private:
  friend class DocumentStream;
  void write(std::string_view text);

  std::FILE* out_;
  std::FILE* err_;
  Options options_;
  bool reader_gone_ = false;
};

// A document whose lists are too long to be held in memory: keys and items are written as they come, in that
// order, on one line like Output::document(). Nothing as text. Borrows the output, to which nothing else is
// written meanwhile. Destroyed without finish(), the line is ended as it is: what failed is said on the next.
class DocumentStream {
 public:
  // `shape`: a command's other object, {"schema": "litewright/<command>.<shape>/<version>", …}.
  explicit DocumentStream(Output& output, int version = 1, std::string_view shape = {});
  ~DocumentStream();
  DocumentStream(const DocumentStream&) = delete;
  DocumentStream& operator=(const DocumentStream&) = delete;

  void add(std::string_view key, const nlohmann::ordered_json& value);
  void begin_list(std::string_view key);
  void item(const nlohmann::ordered_json& value);
  void end_list();
  void finish();

 private:
  void write_key(std::string_view key);

  Output& output_;
  bool first_item_ = true;
  bool finished_ = false;
};

// True if `stream` is a terminal and NO_COLOR (its value, null where unset) does not forbid colour.
bool wants_colour(std::FILE* stream, const char* no_color);

}  // namespace litewright
