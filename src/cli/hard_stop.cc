#include "cli/hard_stop.h"

#include <fmt/format.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <mutex>

#include "base/error.h"
#include "base/shell_words.h"
#include "base/work_limit.h"

namespace litewright {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{100};

void watch(const std::stop_token& stopped, const std::string& database, const WorkLimit& limit) {
  std::mutex mutex;
  std::condition_variable_any ended;
  std::unique_lock lock(mutex);
  while (!ended.wait_for(lock, stopped, kBetweenLooks, [&] { return stopped.stop_requested(); })) {
    if (!limit.spent()) continue;
    const std::string text = fmt::format(
        "error: {}: gave up after {:.0f} s of work: SQLite does not come back from an expression of its "
        "schema\nhint: do not trust the file; litewright schema {}\n",
        database, std::chrono::duration<double>(limit.cpu()).count(), shell_quoted(database));
    std::fputs(text.c_str(), stderr);
    std::fflush(stderr);
    ::_exit(static_cast<int>(ErrorCode::kDamaged));
  }
}

}  // namespace

HardStop::HardStop(std::string database, std::chrono::nanoseconds cpu)
    : watch_([database = std::move(database), limit = WorkLimit(cpu)](const std::stop_token& stopped) {
        watch(stopped, database, limit);
      }) {}

}  // namespace litewright
