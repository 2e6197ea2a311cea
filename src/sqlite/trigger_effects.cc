#include "sqlite/trigger_effects.h"

#include <sqlite3.h>

#include <algorithm>

namespace litewright {
namespace {

struct Write {
  bool deletes = false;
  std::string database, table, trigger;
};

// Its last argument names the innermost trigger, or nothing for what the statement itself does.
int note_write(void* writes, int action, const char* table, const char*, const char* database,
               const char* trigger) {
  const bool is_write = action == SQLITE_DELETE || action == SQLITE_INSERT || action == SQLITE_UPDATE;
  if (!is_write || table == nullptr || database == nullptr || trigger == nullptr) return SQLITE_OK;
  static_cast<std::vector<Write>*>(writes)->push_back({action == SQLITE_DELETE, database, table, trigger});
  return SQLITE_OK;
}

class Authorizing {
 public:
  Authorizing(Connection& connection, std::vector<Write>& writes) : connection_(connection) {
    sqlite3_set_authorizer(connection_.handle(), note_write, &writes);
  }
  ~Authorizing() { sqlite3_set_authorizer(connection_.handle(), nullptr, nullptr); }
  Authorizing(const Authorizing&) = delete;
  Authorizing& operator=(const Authorizing&) = delete;

 private:
  Connection& connection_;
};

// Of a view only its own triggers write, and those are seen by themselves.
bool is_ordinary_table(Connection& connection, const Write& write) {
  Statement kind = connection.prepare("SELECT type FROM pragma_table_list(?1) WHERE schema=?2");
  kind.bind(1, std::string_view(write.table));
  kind.bind(2, std::string_view(write.database));
  return !kind.step() || kind.text(0) == "table";
}

}  // namespace

TriggerEffects trigger_effects(Connection& connection, const std::string& sql) {
  std::vector<Write> writes;
  {
    const Authorizing authorizing(connection, writes);
    connection.prepare(sql);
  }
  TriggerEffects effects;
  for (const Write& write : writes) {
    if (!is_ordinary_table(connection, write)) continue;
    effects.writes_tables = true;
    const bool known = std::ranges::any_of(effects.deletions, [&write](const TriggerEffects::Deletion& one) {
      return one.trigger == write.trigger && one.table == write.table;
    });
    if (write.deletes && !known) effects.deletions.push_back({write.trigger, write.table});
  }
  return effects;
}

}  // namespace litewright
