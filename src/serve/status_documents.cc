#include "serve/status_documents.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/time_text.h"

namespace litewright {
namespace {

// Keys are always there: null where it is not known.
nlohmann::ordered_json time_or_null(const std::optional<WallTime>& time) {
  return time ? nlohmann::ordered_json(format_utc_time(*time)) : nlohmann::ordered_json(nullptr);
}

int badness(const DatabaseStatus& status) {
  return is_unusable(status) ? 100 : static_cast<int>(status.worst());
}

}  // namespace

nlohmann::ordered_json database_document(const DatabaseStatus& status) {
  return {{"name", status.name},
          {"path", status.path},
          {"archive", status.archive},
          {"severity", severity_name(status.worst())},
          {"exists", status.exists},
          {"writable", status.writable},
          {"guard",
           {{"state", guard_state_name(status.guard)},
            {"trouble", status.trouble},
            {"captured_txid", status.captured.value},
            {"archived_txid", status.archived.value},
            {"archived_at", time_or_null(status.archived_at)},
            {"commits", status.commits},
            {"archived_bytes", status.archived_bytes},
            {"gates", status.gates},
            {"gates_failed", status.gates_failed},
            {"longest_gate_seconds", status.longest_gate_seconds}}},
          {"database_bytes", status.database_bytes},
          {"wal_bytes", status.wal_bytes},
          {"disk_free_bytes", status.disk_free_bytes},
          {"disk_bytes", status.disk_bytes},
          {"looked_at", time_or_null(status.looked_at)},
          {"checked_at", time_or_null(status.checked_at)},
          {"proven_at", time_or_null(status.proven_at)},
          {"findings", findings_to_json(status.open_findings())}};
}

HealthReport health_of(const DatabaseStatus& status) {
  HealthReport report = {.database = status.name, .depth = CheckDepth::kQuick};
  if (status.looked_at) {
    report.checked_at = *status.looked_at;
    report.figures["size"] = static_cast<double>(status.database_bytes);
    report.figures["wal"] = static_cast<double>(status.wal_bytes);
  }
  if (status.looked_at && status.disk_bytes > 0) {
    report.figures["free-disk"] = static_cast<double>(status.disk_free_bytes);
    const auto used = static_cast<double>(status.disk_bytes - status.disk_free_bytes);
    report.figures["disk-used"] = 100 * used / static_cast<double>(status.disk_bytes);
  }
  report.findings = status.open_findings();
  return report;
}

bool is_unusable(const DatabaseStatus& status) {
  return !status.looked_at || !status.exists || !status.writable;
}

StatusBoard::Entry worst_of(const std::vector<StatusBoard::Entry>& databases) {
  const auto worst = std::ranges::max_element(
      databases, [](const auto& a, const auto& b) { return badness(*a) < badness(*b); });
  return worst == databases.end() ? nullptr : *worst;
}

}  // namespace litewright
