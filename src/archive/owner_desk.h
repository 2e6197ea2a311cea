// One socket for all archives that a process owns: a request names its archive by the key that stands in that
// archive's owner.json. A thousand archives need one descriptor and one thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "archive/owner.h"

namespace litewright {

class OwnerDesk {
 public:
  static constexpr std::size_t kMaxConnections = 256;

  // owners-PID-….sock in the state folder; those at which nobody answers any more are removed there.
  explicit OwnerDesk(const std::string& state_folder);
  ~OwnerDesk();
  OwnerDesk(const OwnerDesk&) = delete;
  OwnerDesk& operator=(const OwnerDesk&) = delete;

  const std::string& socket() const { return path_; }

  // Answers for one archive until it is destroyed; then none of its functions is under way. Must not outlive
  // the desk. `gone` is called for each connection that asked it something.
  class Place {
   public:
    Place(OwnerDesk& desk, std::string key, OwnerSocket::Handler handler, std::function<void(int)> gone);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    friend class OwnerDesk;
    OwnerDesk& desk_;
    std::string key_;
    OwnerSocket::Handler handler_;
    std::function<void(int)> gone_;
    std::set<int> connections_;  // that asked
    int calls_ = 0;              // under way
  };

 private:
  nlohmann::json answer(const nlohmann::json& request, int connection);
  void gone(int connection);
  void ended(Place& place);

  std::string path_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Place*> places_;
  std::unique_ptr<OwnerSocket> socket_;
};

}  // namespace litewright
