#include "sqlite/sql_script.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.h"

namespace litewright {
namespace {

constexpr std::size_t kLongestStatement = 1'000'000'000;  // SQLITE_MAX_SQL_LENGTH
constexpr std::size_t kExcerpt = 60, kReason = 200;

// What a dump may set: all of it is part of the database.
constexpr std::array<std::string_view, 10> kPragmas = {
    "foreign_keys",       "encoding",          "page_size",       "auto_vacuum",
    "user_version",       "application_id",    "writable_schema", "ignore_check_constraints",
    "defer_foreign_keys", "legacy_alter_table"};

bool same_word(std::string_view word, std::string_view upper) {
  return std::ranges::equal(word, upper,
                            [](char a, char b) { return std::toupper(static_cast<unsigned char>(a)) == b; });
}

std::string lower(std::string_view text) {
  std::string low(text);
  std::ranges::transform(low, low.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return low;
}

// The next word of a statement, comments passed over; advances `text`.
std::string_view next_word(std::string_view& text) {
  while (!text.empty()) {
    if (text.starts_with("--")) {
      const std::size_t end = text.find('\n');
      text.remove_prefix(end == std::string_view::npos ? text.size() : end);
    } else if (text.starts_with("/*")) {
      const std::size_t end = text.find("*/", 2);
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
    } else if (std::isspace(static_cast<unsigned char>(text.front()))) {
      text.remove_prefix(1);
    } else {
      break;
    }
  }
  std::size_t length = 0;
  while (length < text.size() && std::isalpha(static_cast<unsigned char>(text[length]))) length++;
  const std::string_view word = text.substr(0, length);
  text.remove_prefix(length);
  return word;
}

// Only within a trigger a semicolon does not end the statement.
bool is_trigger(std::string_view statement) {
  if (!same_word(next_word(statement), "CREATE")) return false;
  std::string_view word = next_word(statement);
  if (same_word(word, "TEMP") || same_word(word, "TEMPORARY")) word = next_word(statement);
  return same_word(word, "TRIGGER");
}

// What SQLite says and a piece of the statement, for a message: one line, short, and no byte of damaged data
// as it is.
std::string readable(std::string_view text, std::size_t longest) {
  std::string line(text.substr(0, longest));
  std::ranges::replace_if(line, [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return line;
}

bool is_blank(std::string_view statement) {
  const std::string_view word = next_word(statement);
  return word.empty() && statement.empty();
}

}  // namespace

SqlScript::SqlScript(Connection& connection) : connection_(connection) {
  sqlite3_set_authorizer(connection.handle(), &SqlScript::authorize, this);
}

SqlScript::~SqlScript() { sqlite3_set_authorizer(connection_.handle(), nullptr, nullptr); }

int SqlScript::authorize(void* self, int action, const char* first, const char* second, const char*,
                         const char*) {
  switch (action) {
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
      return SQLITE_DENY;
    case SQLITE_PRAGMA:
      return std::ranges::find(kPragmas, lower(first)) != kPragmas.end() ? SQLITE_OK : SQLITE_IGNORE;
    case SQLITE_FUNCTION:
      return second != nullptr && lower(second) == "load_extension" ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_TRANSACTION:
      static_cast<SqlScript*>(self)->rolled_back_ = std::string_view(first) == "ROLLBACK";
      return SQLITE_OK;
    default:
      return SQLITE_OK;
  }
}

void SqlScript::feed(std::string_view text) {
  std::size_t kept = 0;  // text before it is in statement_
  for (std::size_t at = 0; at < text.size();) {
    if (inside_ != Inside::kNothing) {
      at = skip_inside(text, at);
      continue;
    }
    const char c = text[at];
    if (c == ';') {
      at++;
      keep(text.substr(kept, at - kept));
      kept = at;
      previous_ = 0;
      statement_ended();
      continue;
    }
    at = enter(text, at);
  }
  keep(text.substr(kept));
}

void SqlScript::keep(std::string_view text) {
  if (statement_.size() + text.size() > kLongestStatement) {
    throw Error(ErrorCode::kDamaged,
                fmt::format("line {}: a statement of more than {} bytes", first_line_, kLongestStatement));
  }
  line_ += static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
  statement_ += text;
}

// One character outside of quotes and comments; may enter one.
std::size_t SqlScript::enter(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c == '\'' || c == '"' || c == '`' || c == '[') {
    inside_ = Inside::kQuote;
    quote_ = c == '[' ? ']' : c;
  } else if (c == '-' && previous_ == '-') {
    inside_ = Inside::kLineComment;
  } else if (c == '*' && previous_ == '/') {
    inside_ = Inside::kBlockComment;
  }
  previous_ = inside_ == Inside::kNothing ? c : '\0';
  return at + 1;
}

// To behind the end of the quote or comment, or to the end of the text. A doubled quote ends one and begins
// the next.
std::size_t SqlScript::skip_inside(std::string_view text, std::size_t at) {
  if (inside_ == Inside::kBlockComment) {
    for (; at < text.size(); at++) {
      const bool ends = text[at] == '/' && previous_ == '*';
      previous_ = text[at];
      if (!ends) continue;
      inside_ = Inside::kNothing;
      previous_ = 0;
      return at + 1;
    }
    return at;
  }
  const std::size_t end = text.find(inside_ == Inside::kQuote ? quote_ : '\n', at);
  if (end == std::string_view::npos) return text.size();
  inside_ = Inside::kNothing;
  return end + 1;
}

void SqlScript::statement_ended() {
  if (is_trigger(statement_) && sqlite3_complete(statement_.c_str()) == 0) return;
  execute();
}

void SqlScript::execute() {
  const char* rest = statement_.c_str();
  const char* const end = rest + statement_.size();
  int rc = SQLITE_OK;
  while (rc == SQLITE_OK && rest < end) {
    sqlite3_stmt* prepared = nullptr;
    rc = sqlite3_prepare_v2(connection_.handle(), rest, static_cast<int>(end - rest + 1), &prepared, &rest);
    while (rc == SQLITE_OK && prepared != nullptr && (rc = sqlite3_step(prepared)) == SQLITE_ROW) {
      rc = SQLITE_OK;
    }
    if (rc == SQLITE_DONE) rc = SQLITE_OK;
    const int finalized = sqlite3_finalize(prepared);
    if (rc == SQLITE_OK) rc = finalized;
    if (rc == SQLITE_OK && prepared == nullptr) break;  // blanks and comments
  }
  if (rc != SQLITE_OK) {
    std::string_view excerpt(statement_);
    while (!excerpt.empty() && std::isspace(static_cast<unsigned char>(excerpt.front())))
      excerpt.remove_prefix(1);
    const std::string message =
        fmt::format("line {}: {}: {}", first_line_, readable(sqlite3_errmsg(connection_.handle()), kReason),
                    readable(excerpt.substr(0, excerpt.find('\n')), kExcerpt));
    const int primary = rc & 0xff;
    if (primary == SQLITE_FULL || primary == SQLITE_IOERR || primary == SQLITE_NOMEM)
      throw sqlite_error(rc, message);
    throw Error(ErrorCode::kDamaged, message);
  }
  statements_++;
  statement_.clear();
  first_line_ = line_;
}

void SqlScript::finish() {
  if (inside_ == Inside::kQuote || inside_ == Inside::kBlockComment) {
    throw Error(ErrorCode::kDamaged, fmt::format("line {}: it ends within a statement", first_line_));
  }
  if (!is_blank(statement_)) execute();
  if (sqlite3_get_autocommit(connection_.handle()) == 0) {
    throw Error(ErrorCode::kDamaged, fmt::format("line {}: it ends before its COMMIT", line_));
  }
  if (rolled_back_) {
    throw Error(ErrorCode::kDamaged, "it ends with a ROLLBACK: whoever wrote it met an error");
  }
}

}  // namespace litewright
