#include "sqlite/query_guard.h"

#include <sqlite3.h>

#include <cstring>
#include <iterator>

namespace litewright {
namespace {

constexpr int kStepsBetweenLooks = 4096;

struct Limit {
  int id, value;
};
constexpr Limit kLimits[] = {
    {SQLITE_LIMIT_LENGTH, 64 << 20},     {SQLITE_LIMIT_SQL_LENGTH, 1 << 20},
    {SQLITE_LIMIT_COMPOUND_SELECT, 100}, {SQLITE_LIMIT_EXPR_DEPTH, 200},
    {SQLITE_LIMIT_VDBE_OP, 250'000},     {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000},
    {SQLITE_LIMIT_TRIGGER_DEPTH, 10},    {SQLITE_LIMIT_ATTACHED, 0},
};

// Pragmas that only look, as functions in a query too.
bool is_harmless_pragma(const char* name, const char* argument) {
  constexpr const char* kPragmas[] = {"table_list",     "table_info",     "table_xinfo",   "index_list",
                                      "index_info",     "index_xinfo",    "page_count",    "foreign_key_list",
                                      "page_size",      "freelist_count", "encoding",      "database_list",
                                      "schema_version", "function_list",  "collation_list"};
  for (const char* harmless : kPragmas) {
    if (std::strcmp(harmless, name) != 0) continue;
    const bool takes_a_name = std::strstr(name, "_info") != nullptr ||
                              std::strstr(name, "_xinfo") != nullptr || std::strstr(name, "_list") != nullptr;
    return argument == nullptr || takes_a_name;
  }
  return false;
}

int authorize(void*, int action, const char* first, const char* second, const char*, const char*) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      return second != nullptr && sqlite3_stricmp(second, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_PRAGMA:
      return is_harmless_pragma(first, second) ? SQLITE_OK : SQLITE_DENY;
    default:
      return SQLITE_DENY;
  }
}

}  // namespace

QueryGuard::QueryGuard(Connection& connection, const Clock& clock, const QueryLimits& limits)
    : connection_(connection), clock_(clock), end_(clock.steady() + limits.deadline) {
  static_assert(std::size(kLimits) == std::size(decltype(before_){}));
  sqlite3* handle = connection_.handle();
  for (std::size_t i = 0; i < std::size(kLimits); i++) {
    before_[i] = sqlite3_limit(handle, kLimits[i].id, kLimits[i].value);
  }
  sqlite3_set_authorizer(handle, authorize, nullptr);
  sqlite3_progress_handler(
      handle, kStepsBetweenLooks,
      [](void* self) -> int {
        auto* guard = static_cast<QueryGuard*>(self);
        if (guard->clock_.steady() < guard->end_) return 0;
        guard->expired_ = true;
        return 1;
      },
      this);
}

QueryGuard::~QueryGuard() {
  sqlite3* handle = connection_.handle();
  sqlite3_progress_handler(handle, 0, nullptr, nullptr);
  sqlite3_set_authorizer(handle, nullptr, nullptr);
  for (std::size_t i = 0; i < std::size(kLimits); i++) sqlite3_limit(handle, kLimits[i].id, before_[i]);
}

}  // namespace litewright
