#include "operate/in_the_way_linux.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "base/file_descriptor.h"
#include "locks/lock_sampler_linux.h"

namespace litewright {
namespace {

constexpr std::chrono::milliseconds kLook{150};
constexpr int kAnswerWithinMs = 5000;
constexpr std::size_t kLongestAnswer = 1 << 20;
constexpr char kField = '\x1f';  // between fields; a record ends with kRecord
constexpr char kRecord = '\x1e';

// In the child: what it says is all that it leaves.
std::string looked(const std::string& path, const std::string& display, LockWish wish, pid_t asker) {
  const SystemClock clock;
  LinuxLockSampler sampler(path, clock);
  LockReport report = look_at_locks(display, sampler, {.look_for = kLook, .between = kLook / 3});
  std::erase_if(report.processes, [asker](const LockHolder& holder) {
    return holder.process.pid == asker || holder.is_own_follower;
  });
  std::string answer;
  for (const Finding& finding : who_is_in_the_way(report, wish)) {
    const auto pid = std::get<std::int64_t>(finding.figures.at(0).value);
    const auto held = std::get<double>(finding.figures.at(1).value);
    for (const std::string& field :
         {std::to_string(pid), std::to_string(held), finding.object, finding.meaning, finding.remedy}) {
      answer += field + kField;
    }
    answer += kRecord;
  }
  return answer;
}

[[noreturn]] void answer_and_end(int descriptor, const std::string& path, const std::string& display,
                                 LockWish wish, pid_t asker) {
  std::string answer;
  try {
    answer = looked(path, display, wish, asker);
  } catch (...) {  // nothing is known then
    answer.clear();
  }
  for (std::size_t done = 0; done < answer.size();) {
    const ssize_t n = ::write(descriptor, answer.data() + done, answer.size() - done);
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  ::_exit(0);  // no destructor of the parent's, no descriptor of SQLite's closed in its name
}

std::string read_answer(int descriptor) {
  std::string answer;
  char buffer[4096];
  pollfd waiting{descriptor, POLLIN, 0};
  while (answer.size() < kLongestAnswer && ::poll(&waiting, 1, kAnswerWithinMs) > 0) {
    const ssize_t n = ::read(descriptor, buffer, sizeof buffer);
    if (n <= 0) return answer;
    answer.append(buffer, static_cast<std::size_t>(n));
  }
  return {};
}

std::vector<std::string> split(const std::string& text, char end) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t at = std::min(text.find(end, from), text.size());
    parts.push_back(text.substr(from, at - from));
    from = at + 1;
  }
  return parts;
}

}  // namespace

std::vector<Finding> look_who_is_in_the_way(const std::string& path, const std::string& display,
                                            LockWish wish) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  const FileDescriptor from(ends[0]);
  FileDescriptor to(ends[1]);
  const pid_t asker = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) answer_and_end(to.get(), path, display, wish, asker);
  to.reset();
  if (child < 0) return {};
  const std::string answer = read_answer(from.get());
  ::kill(child, SIGKILL);  // it has answered, or it never will
  ::waitpid(child, nullptr, 0);
  std::vector<Finding> findings;
  for (const std::string& record : split(answer, kRecord)) {
    const std::vector<std::string> field = split(record, kField);
    if (field.size() < 4) continue;
    std::int64_t pid = 0;
    std::from_chars(field[0].data(), field[0].data() + field[0].size(), pid);
    findings.push_back({.id = "lock.in-the-way",
                        .severity = Severity::kWarning,
                        .database = display,
                        .object = field[2],
                        .figures = {{"pid", pid}, {"held_seconds", std::strtod(field[1].c_str(), nullptr)}},
                        .meaning = field[3],
                        .remedy = field.size() > 4 ? field[4] : ""});
  }
  return findings;
}

std::string in_the_way_text(const std::vector<Finding>& findings) {
  constexpr std::size_t kNamed = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(findings.size(), kNamed); i++) {
    text += (i == 0 ? "" : ", ") + findings[i].meaning.substr(0, findings[i].meaning.rfind("; ending it"));
  }
  if (findings.size() > kNamed) text += " and others";
  return text;
}

std::function<std::string()> asks_who_is_in_the_way(const std::string& path, const std::string& display,
                                                    LockWish wish) {
  return [path, display, wish] { return in_the_way_text(look_who_is_in_the_way(path, display, wish)); };
}

}  // namespace litewright
