#include "serve/flight_ring.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/json_text.h"

namespace litewright {
namespace {

using Json = nlohmann::json;

// Who keeps others out: `litewright locks` roles.
constexpr std::array<std::string_view, 5> kInTheWay = {"writes", "exclusive", "waits-for-readers", "recovers",
                                                       "checkpoints"};

std::string text_in(const Json& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

double number_in(const Json& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  return found != json.end() && found->is_number() ? found->get<double>() : 0;
}

}  // namespace

std::optional<FlightSample> flight_sample(std::string_view line) {
  const Json report = parse_json(line);
  if (text_in(report, "schema") != "litewright/locks/1") return std::nullopt;
  FlightSample sample = {.line = std::string(line)};
  for (const Json& process : report.value("processes", Json::array())) {
    const std::string role = text_in(process, "role");
    const double held = number_in(process, "held_seconds");
    if (std::ranges::find(kInTheWay, role) == kInTheWay.end() || held <= sample.longest_held_seconds)
      continue;
    sample.longest_held_seconds = held;
    sample.holder = fmt::format("pid {:.0f} {}", number_in(process, "pid"), role);
  }
  for (const Json& finding : report.value("findings", Json::array())) {
    if (sample.critical.empty() && text_in(finding, "severity") == "critical")
      sample.critical = text_in(finding, "id");
  }
  return sample;
}

std::optional<std::string> FlightRing::note(FlightSample sample, SteadyTime now) {
  bytes_ += sample.line.size();
  samples_.push_back({now, std::move(sample.line)});
  while (samples_.size() > 1 && (bytes_ > limits_.most_bytes || now - samples_.front().time > limits_.kept)) {
    bytes_ -= samples_.front().line.size();
    samples_.pop_front();
  }
  const bool stalls = sample.longest_held_seconds >= std::chrono::duration<double>(limits_.stall).count();
  if (!stalls && sample.critical.empty()) return std::nullopt;
  if (worth_ && now - *worth_ < limits_.apart) return std::nullopt;
  worth_ = now;
  return stalls ? fmt::format("{} for {:.1f} s", sample.holder, sample.longest_held_seconds)
                : sample.critical;
}

std::string FlightRing::lines() const {
  std::string text;
  for (const Kept& kept : samples_) text += kept.line + "\n";
  return text;
}

}  // namespace litewright
