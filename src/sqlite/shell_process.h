// For tests: the application, another process that has the database open. SQLite's shell, driven over pipes:
// what it locks, writes and leaves behind is SQLite's own doing (FACTS 7 forbids doing it in our process).
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <vector>

extern char** environ;

namespace litewright {

// A child process with both pipes in our hands; killed, if it still runs, when the object goes.
class ChildProcess {
 public:
  explicit ChildProcess(std::vector<std::string> command) {
    int to_child[2];
    int from_child[2];
    if (::pipe2(to_child, O_CLOEXEC) != 0 || ::pipe2(from_child, O_CLOEXEC) != 0)
      throw std::runtime_error("pipe");
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, to_child[0], 0);
    ::posix_spawn_file_actions_adddup2(&actions, from_child[1], 1);
    ::posix_spawn_file_actions_adddup2(&actions, from_child[1], 2);
    std::vector<char*> arguments;
    for (std::string& argument : command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    const int failure = ::posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(to_child[0]);
    ::close(from_child[1]);
    to_ = to_child[1];
    from_ = from_child[0];
    if (failure != 0) throw std::runtime_error("can't start " + command[0]);
  }
  ~ChildProcess() {
    kill();
    ::close(from_);
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  bool running() const { return running_; }

  void write(const std::string& text) {
    for (std::size_t done = 0; done < text.size();) {
      const ssize_t n = ::write(to_, text.data() + done, text.size() - done);
      if (n <= 0) throw std::runtime_error("the child takes no input");
      done += static_cast<std::size_t>(n);
    }
  }

  // The next line, without its end; throws when the child has ended.
  std::string read_line() {
    while (true) {
      if (const auto end = pending_.find('\n'); end != std::string::npos) {
        std::string line = pending_.substr(0, end);
        pending_.erase(0, end + 1);
        return line;
      }
      char buffer[4096];
      const ssize_t n = ::read(from_, buffer, sizeof buffer);
      if (n <= 0) throw std::runtime_error("the child ended: " + pending_);
      pending_.append(buffer, static_cast<std::size_t>(n));
    }
  }

  // The end of its input: it leaves as it likes.
  void close() {
    if (to_ >= 0) ::close(to_);
    to_ = -1;
    wait();
  }

  void kill() {
    if (running_) ::kill(pid_, SIGKILL);
    close();
  }

 private:
  void wait() {
    if (running_) ::waitpid(pid_, nullptr, 0);
    running_ = false;
  }

  pid_t pid_ = -1;
  int to_ = -1, from_ = -1;
  bool running_ = true;
  std::string pending_;
};

class ShellProcess {
 public:
  // A path or a file: URI.
  explicit ShellProcess(const std::string& database) : child_({"sqlite3", "-batch", database}) {
    run(".timeout 20000");
  }

  // Returns when it is done: the rows, '|' between columns, a line each. Throws what SQLite says is wrong.
  std::string run(const std::string& sql) {
    child_.write(sql + "\n.print -- done --\n");
    std::string rows;
    while (true) {
      const std::string line = child_.read_line();
      if (line == "-- done --") break;
      rows += (rows.empty() ? "" : "\n") + line;
    }
    if (rows.find("rror near line") != std::string::npos || rows.starts_with("Error"))
      throw std::runtime_error(sql + ": " + rows);
    return rows;
  }

  pid_t pid() const { return child_.pid(); }
  // Closes its connection as an application that ends in order does.
  void close() { child_.close(); }
  void kill() { child_.kill(); }

 private:
  ChildProcess child_;
};

}  // namespace litewright
