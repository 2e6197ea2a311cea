// What the steps of one health check share. Private to operate/health*.cc.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/work_limit.h"
#include "check/schema_map.h"
#include "format/database_header.h"
#include "locks/lock_report.h"
#include "operate/database_stats.h"
#include "operate/health.h"
#include "sqlite/connection_deadline.h"
#include "sqlite/page_snapshot.h"
#include "sqlite/safe_reader.h"

namespace litewright {

// A step that can't be done says why; it is listed as skipped, never as fine.
struct StepSkipped {
  std::string why;
};

struct HealthContext {
  const HealthRequest& request;
  const ProcessTable& processes;
  const Clock& clock;
  HealthReport& report;
  const WorkLimit& limit;  // what a file of this size may ask for

  std::optional<LockReport> locks = {};     // taken before there is any connection (FACTS 7)
  std::unique_ptr<SafeReader> reader = {};  // short questions
  std::unique_ptr<ConnectionDeadline> reader_deadline = {};
  std::unique_ptr<PageSnapshot> snapshot = {};  // long readings; dropped after the last that needs it
  std::optional<SchemaMap> schema = {}, snapshot_schema = {};
  std::optional<DatabaseStats> stats = {};

  std::function<bool()> give_up() const {
    return [this] { return limit.spent(); };
  }
  const LockReport& lock_report();
  Connection& connection();
  void watch_connection();  // again after something else watched it
  PageSnapshot& pages();
  void drop_pages();
  void close();                            // all connections
  const SchemaMap& schema_map();           // of now
  const SchemaMap& schema_map_of_pages();  // of pages()'s moment
  const DatabaseStats& statistics();
  void add(Finding finding);  // names the database
};

// The steps, by the names of the table in health.cc. They throw Error, or StepSkipped.
void look_at_holders(HealthContext& context);
void check_integrity_step(HealthContext& context);
void check_foreign_keys_step(HealthContext& context);
void check_hierarchy_step(HealthContext& context);
void check_rules_step(HealthContext& context);
void measure_size(HealthContext& context);
void measure_wal(HealthContext& context);
void measure_free_pages(HealthContext& context);
void measure_disk(HealthContext& context);
void measure_clock(HealthContext& context);
void look_at_settings(HealthContext& context);
void look_at_indexes(HealthContext& context);
void look_at_statistics(HealthContext& context);
void look_at_engine(HealthContext& context);
void look_at_archive(HealthContext& context);
void look_for_bit_rot(HealthContext& context);

}  // namespace litewright
