// Pruning as it is asked of an archive's owner at its socket: {"op": "prune", "now": NANOSECONDS, "rules":
// {…}} and the answer.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "archive/retention.h"

namespace litewright {

nlohmann::json keep_rules_json(const KeepRules& rules);
KeepRules parse_keep_rules(const nlohmann::json& json);  // throws nlohmann's exceptions

nlohmann::json prune_result_json(const PruneResult& result);
PruneResult parse_prune_result(const nlohmann::json& json);

}  // namespace litewright
