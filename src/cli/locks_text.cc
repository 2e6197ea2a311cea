#include "cli/locks_text.h"

#include <fmt/format.h>

#include "base/time_text.h"

namespace litewright {
namespace {

constexpr std::size_t kWidestCommand = 60;

std::string held_text(const LockHolder& holder) {
  if (holder.held.empty()) return "";
  return "≥ " + format_duration(holder.held_for);
}

std::string locks_text(const LockReport& report, const LockHolder& holder) {
  if (!report.wal_mode) return describe(holder.locks.main_file);
  const std::string wal_index = describe(holder.locks.wal_index);
  return holder.locks.main_file.state() == MainFileLocks::State::kExclusive ? "exclusive" : wal_index;
}

std::string version_text(const LockHolder& holder) {
  std::string text;
  for (const SqliteLibrary& library : holder.libraries) {
    text += (text.empty() ? "" : " + ") + library.version;
  }
  return text;
}

std::string pid_text(const FileHolder& process) {
  return process.pid == 0 ? "outside" : fmt::format("{}", process.pid);
}

std::string command_text(const FileHolder& process) {
  if (process.pid == 0) return "another container, or another user's";
  std::string command = process.command_line;
  if (command.size() > kWidestCommand) command = command.substr(0, kWidestCommand) + "…";
  if (!process.container.empty()) command = fmt::format("[{}] {}", process.container, command);
  return command;
}

}  // namespace

void print_locks(Output& output, const LockReport& report) {
  std::string head =
      fmt::format("{}  {}", format_local_time(report.seen), output.paint(Ink::kBold, report.database));
  if (report.commits_per_second) head += fmt::format("  {:.1f} commits/s", *report.commits_per_second);
  head += fmt::format("  write lock held {:.0f} % of the time", 100 * report.write_busy_share);
  output.line(head);
  if (report.wal_mode) {
    std::string wal =
        fmt::format("WAL {}, {} frames, {} copied back, {} pinned", format_size(report.wal_bytes),
                    report.wal_frames, report.wal_backfilled, format_size(report.pinned_bytes));
    if (report.oldest_reader) wal += ", oldest reader ≥ " + format_duration(*report.oldest_reader);
    output.line(wal);
  }
  TextTable table({{"PID", TextTable::Align::kRight},
                   {"USER"},
                   {"DOES"},
                   {"LOCKS"},
                   {"SINCE"},
                   {"PINS", TextTable::Align::kRight},
                   {"SQLITE"},
                   {"COMMAND"}});
  for (const LockHolder& holder : report.processes) {
    table.add({pid_text(holder.process), holder.process.user, std::string(role_name(holder.role)),
               locks_text(report, holder), held_text(holder),
               holder.pinned_bytes == 0 ? "" : format_size(holder.pinned_bytes), version_text(holder),
               command_text(holder.process)});
  }
  if (!table.empty()) output.table(table);
  if (report.processes.empty()) output.line("no process has it open");
  if (report.unseen_processes > 0) {
    output.line(fmt::format("{} processes of other users could not be looked into: run this as root",
                            report.unseen_processes));
  }
}

}  // namespace litewright
