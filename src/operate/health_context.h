// What the steps of one health check share. Private to operate/health*.cc.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "check/schema_map.h"
#include "format/database_header.h"
#include "operate/database_stats.h"
#include "operate/health.h"
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

  std::unique_ptr<SafeReader> reader = {};      // short questions
  std::unique_ptr<PageSnapshot> snapshot = {};  // long readings; dropped after the last that needs it
  std::optional<SchemaMap> schema = {};
  std::optional<DatabaseStats> stats = {};

  Connection& connection();
  PageSnapshot& pages();
  const SchemaMap& schema_map();
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
