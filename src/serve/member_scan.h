// Finds out, again and again, which databases the configuration means: what joins a folder is seen within
// seconds. On a thread of its own, for a folder may hang.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "serve/members.h"

namespace litewright {

class MemberScan {
 public:
  MemberScan();
  ~MemberScan();  // waits for the look that is under way
  MemberScan(MemberScan&&) = delete;
  MemberScan& operator=(MemberScan&&) = delete;

  // From now on this one is asked.
  void use(std::shared_ptr<const Configuration> configuration);

  struct Result {
    std::shared_ptr<const Configuration> configuration = {};
    std::vector<Member> members = {};
    std::vector<Finding> troubles = {};  // of places that can't be read, or hold nothing
    std::string failure = {};            // why there are none
  };
  // The newest since the last call.
  std::optional<Result> take();

 private:
  static Result look(const std::shared_ptr<const Configuration>& configuration, std::vector<Member>& before,
                     bool& settled);
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false, other_ = false;
  std::shared_ptr<const Configuration> configuration_;
  std::optional<Result> result_;
  std::thread thread_;
};

}  // namespace litewright
