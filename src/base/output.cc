#include "base/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json_text.h"

namespace litewright {

namespace {

constexpr std::array<std::string_view, 6> kInkSequences = {"",         "\x1b[1m",  "\x1b[2m",
                                                           "\x1b[32m", "\x1b[33m", "\x1b[31m"};
constexpr std::string_view kInkEnd = "\x1b[0m";

// Code points: every byte that is no continuation of one.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

void TextTable::add(std::vector<std::string> cells) {
  if (cells.size() != columns_.size()) {
    throw Error(ErrorCode::kInternal,
                fmt::format("a row of {} cells in a table of {} columns", cells.size(), columns_.size()));
  }
  rows_.push_back(std::move(cells));
}

std::string TextTable::render() const {
  std::vector<std::string> titles;
  std::vector<std::size_t> widths;
  for (const Column& column : columns_) {
    titles.push_back(column.title);
    widths.push_back(width_of(column.title));
  }
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string padding(widths[i] - width_of(cells[i]), ' ');
      if (i > 0) line += "  ";
      line += columns_[i].align == Align::kRight ? padding + cells[i] : cells[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line;
    text += '\n';
  };
  add_line(titles);
  for (const auto& row : rows_) add_line(row);
  return text;
}

DocumentStream::DocumentStream(Output& output, int version, std::string_view shape) : output_(output) {
  if (!output_.json()) return;
  output_.write(fmt::format(R"({{"schema":"litewright/{}{}{}/{}")", output_.options_.command,
                            shape.empty() ? "" : ".", shape, version));
}

DocumentStream::~DocumentStream() {
  if (finished_ || !output_.json()) return;
  try {
    output_.write("\n");
  } catch (const Error&) {
    // What ended it early is on its way to be reported.
  }
}

void DocumentStream::write_key(std::string_view key) { output_.write(fmt::format(R"(,"{}":)", key)); }

void DocumentStream::add(std::string_view key, const nlohmann::ordered_json& value) {
  if (!output_.json()) return;
  write_key(key);
  output_.write(json_text(value));
}

void DocumentStream::begin_list(std::string_view key) {
  if (!output_.json()) return;
  write_key(key);
  output_.write("[");
  first_item_ = true;
}

void DocumentStream::item(const nlohmann::ordered_json& value) {
  if (!output_.json()) return;
  if (!first_item_) output_.write(",");
  output_.write(json_text(value));
  first_item_ = false;
}

void DocumentStream::end_list() {
  if (output_.json()) output_.write("]");
}

void DocumentStream::finish() {
  finished_ = true;
  if (!output_.json()) return;
  output_.write("}\n");
  output_.flush();
}

Output::Output(std::FILE* out, std::FILE* err, Options options)
    : out_(out), err_(err), options_(std::move(options)) {}

void Output::line(std::string_view text) {
  if (!options_.quiet) answer(text);
}

void Output::table(const TextTable& table) {
  if (!options_.quiet && !json()) write(table.render());
}

void Output::answer(std::string_view text) {
  if (!json()) write(fmt::format("{}\n", text));
}

void Output::findings(std::span<const Finding> findings) {
  if (json()) return;
  for (const Finding& finding : findings) {
    if (options_.quiet && finding.severity < Severity::kWarning) continue;
    std::string text = finding_to_text(finding);
    const std::size_t name = severity_name(finding.severity).size();
    text.replace(0, name, paint(ink_of(finding.severity), text.substr(0, name)));
    write(text);
  }
}

void Output::note(std::string_view text) {
  if (options_.quiet) return;
  fmt::print(err_, "{}\n", text);
}

void Output::document(const nlohmann::ordered_json& body, int version, std::string_view shape) {
  if (!json()) return;
  nlohmann::ordered_json document;
  document["schema"] =
      fmt::format("litewright/{}{}{}/{}", options_.command, shape.empty() ? "" : ".", shape, version);
  document.update(body);
  write(json_text(document) + "\n");
  flush();
}

std::string Output::paint(Ink ink, std::string_view text) const {
  if (!options_.colour || ink == Ink::kPlain) return std::string(text);
  return fmt::format("{}{}{}", kInkSequences.at(static_cast<std::size_t>(ink)), text, kInkEnd);
}

Ink Output::ink_of(Severity severity) {
  if (severity == Severity::kCritical) return Ink::kRed;
  if (severity == Severity::kWarning) return Ink::kYellow;
  return severity == Severity::kOk ? Ink::kGreen : Ink::kPlain;
}

std::FILE* Output::progress_stream() const {
  return !options_.quiet && ::isatty(::fileno(err_)) == 1 ? err_ : nullptr;
}

void Output::flush() {
  if (reader_gone_ || std::fflush(out_) == 0) return;
  if (errno != EPIPE) throw error_from_errno(errno, "write standard output");
  reader_gone_ = true;
}

void Output::write(std::string_view text) {
  if (reader_gone_ || std::fwrite(text.data(), 1, text.size(), out_) == text.size()) return;
  if (errno != EPIPE) throw error_from_errno(errno, "write standard output");
  reader_gone_ = true;
}

bool wants_colour(std::FILE* stream, const char* no_color) {
  const bool forbidden = no_color != nullptr && *no_color != '\0';
  return !forbidden && ::isatty(::fileno(stream)) == 1;
}

}  // namespace litewright
