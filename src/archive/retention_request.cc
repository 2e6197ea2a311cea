#include "archive/retention_request.h"

#include <nlohmann/json.hpp>

namespace litewright {

using nlohmann::json;

namespace {

template <typename Value>
json optional_json(const std::optional<Value>& value) {
  return value ? json(*value) : json(nullptr);
}

json duration_json(const std::optional<std::chrono::nanoseconds>& duration) {
  return duration ? json(duration->count()) : json(nullptr);
}

std::optional<std::uint64_t> number(const json& value) {
  if (value.is_null()) return std::nullopt;
  return value.get<std::uint64_t>();
}

std::optional<std::chrono::nanoseconds> duration(const json& value) {
  if (value.is_null()) return std::nullopt;
  return std::chrono::nanoseconds(value.get<std::int64_t>());
}

}  // namespace

json keep_rules_json(const KeepRules& rules) {
  json every = json::array();
  for (const auto& span : rules.every) {
    json one(nullptr);
    if (span) one = {{"count", optional_json(span->count)}, {"within", duration_json(span->within)}};
    every.push_back(std::move(one));
  }
  return {{"last", rules.last},
          {"within", duration_json(rules.within)},
          {"every", every},
          {"max_age", duration_json(rules.max_age)},
          {"max_bytes", optional_json(rules.max_bytes)},
          {"min", rules.min}};
}

KeepRules parse_keep_rules(const json& from) {
  KeepRules rules;
  rules.last = from.at("last").get<std::uint64_t>();
  rules.within = duration(from.at("within"));
  for (std::size_t i = 0; i < kKeepPeriods; ++i) {
    const json& span = from.at("every").at(i);
    if (!span.is_null()) rules.every[i] = KeepSpan{number(span.at("count")), duration(span.at("within"))};
  }
  rules.max_age = duration(from.at("max_age"));
  rules.max_bytes = number(from.at("max_bytes"));
  rules.min = from.at("min").get<std::uint64_t>();
  return rules;
}

json prune_result_json(const PruneResult& result) {
  return {{"points_before", result.points_before},
          {"points_after", result.points_after},
          {"objects_before", result.objects_before},
          {"objects_after", result.objects_after},
          {"bytes_before", result.bytes_before},
          {"bytes_after", result.bytes_after},
          {"dropped_for_space", result.dropped_for_space},
          {"over_max_bytes", result.over_max_bytes},
          {"made", result.tally.made},
          {"removed", result.tally.removed},
          {"troubles", result.tally.troubles}};
}

PruneResult parse_prune_result(const json& from) {
  PruneResult result;
  result.points_before = from.at("points_before");
  result.points_after = from.at("points_after");
  result.objects_before = from.at("objects_before");
  result.objects_after = from.at("objects_after");
  result.bytes_before = from.at("bytes_before");
  result.bytes_after = from.at("bytes_after");
  result.dropped_for_space = from.at("dropped_for_space");
  result.over_max_bytes = from.at("over_max_bytes");
  result.tally.made = from.at("made");
  result.tally.removed = from.at("removed");
  result.tally.troubles = from.at("troubles").get<std::vector<std::string>>();
  return result;
}

}  // namespace litewright
