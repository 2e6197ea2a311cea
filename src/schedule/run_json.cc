#include "schedule/run_json.h"

#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "base/time_text.h"

namespace litewright {

nlohmann::ordered_json run_to_json(const RunRecord& run) {
  nlohmann::ordered_json json = {{"id", run.id},
                                 {"job", run.job},
                                 {"database", run.database},
                                 {"due", format_utc_time(run.due)},
                                 {"attempt", run.attempt},
                                 {"began", format_utc_time(run.began)}};
  if (run.ended) {
    json["ended"] = format_utc_time(*run.ended);
    json["seconds"] = std::chrono::duration<double>(*run.ended - run.began).count();
  }
  json["result"] = run_result_name(run.result);
  json["summary"] = run.summary;
  const auto findings = parse_ordered_json(run.findings);
  json["findings"] = findings.is_array() ? findings : nlohmann::ordered_json::array();
  return json;
}

}  // namespace litewright
