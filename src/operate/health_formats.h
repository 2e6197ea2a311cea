// A health report as other programs read it: our JSON, Nagios and its kin, application/health+json,
// Prometheus.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "operate/health.h"

namespace litewright {

// The body of litewright/check/1 (docs/json.md).
nlohmann::ordered_json health_to_json(const HealthReport& report);

// "LITEWRIGHT WARNING - app.db: …|size=52428800B;500000000;1000000000 …" and a line a finding. `worst`: what
// --fail-on lets count.
std::string health_to_nagios(const HealthReport& report, Severity worst);

// draft-inadarei-api-health-check: status pass, warn or fail; `checks` keyed component:measurement.
std::string health_to_health_json(const HealthReport& report);
// Of several databases in one document; `description` says what together they are.
std::string health_to_health_json(std::span<const HealthReport> reports, const std::string& description);
// "pass" for ok and info, "warn", "fail".
std::string_view pass_warn_fail(Severity severity);

// Text exposition format 0.0.4: litewright_check_up, litewright_check_status, the figures, findings by
// severity.
std::string health_to_prometheus(const HealthReport& report);
// What a threshold's figure is called there: "litewright_wal_bytes"; shares are ratios from 0 to 1.
std::string metric_name(const ThresholdRule& rule);
double metric_value(const ThresholdRule& rule, double figure);

}  // namespace litewright
