// One writer at a time: the owner of an archive, its fencing number, and the Unix socket at which it takes
// requests.
//
// owner.json in the archive: {"fence": N, "pid": …, "host": …, "socket": …, "key": …, "since": …, "seal": …}:
// who took it last. It is held only as long as the store's hold is (ObjectStore::try_hold). Where the socket
// is one of many archives (archive/owner_desk.h) each request carries the key as "archive".
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "store/object_store.h"

namespace litewright {

inline constexpr std::string_view kOwnerObject = "owner.json";

struct OwnerRecord {
  std::uint64_t fence = 0;  // grows by one with each owner
  int pid = 0;
  std::string host;
  std::string socket;  // path of the Unix socket, of the same machine
  std::string key;     // which of that socket's archives; empty: it has one
  WallTime since{};
};

// Throws Error{kDamaged} where the record is not as it was written.
std::optional<OwnerRecord> read_owner(const ObjectStore& store);

// Holds the archive for this process. Throws Error{kLocked} that names the owner where there is one.
class Ownership {
 public:
  // `reported_pid` is named to others who want the archive; 0: this process. `shared_socket`: of a desk that
  // will answer for it; empty: one of its own in the state folder.
  Ownership(ObjectStore& store, const Clock& clock, const std::string& state_folder, int reported_pid,
            const std::string& shared_socket = "");
  std::uint64_t fence() const { return record_.fence; }
  const std::string& socket() const { return record_.socket; }
  const std::string& key() const { return record_.key; }

  // Before a put: takes the store again where its disk was away and is back, and throws where it is not, or
  // is no longer the archive `id` (Error{kStoreUnreachable}), or was taken by another owner meanwhile
  // (Error{kLocked}). From one thread.
  void require_held(const ObjectStore& store, const std::string& id);

 private:
  bool in_doubt_ = false;  // taken again, and not yet proven to be ours
  std::unique_ptr<ObjectStore::Hold> hold_;
  OwnerRecord record_;
};

// Answers requests, one JSON object a line in, one a line out, until destroyed; each connection has a thread,
// at most `most_connections` at once. The handler may throw Error: it travels as {"error": {code, message,
// hint}}. `gone` is called when a connection ends (a client that asked to suspend and died lets the owner go
// on).
class OwnerSocket {
 public:
  static constexpr std::size_t kMaxConnections = 16;
  using Handler = std::function<nlohmann::json(const nlohmann::json& request, int connection)>;

  OwnerSocket(std::string path, Handler handler, std::function<void(int connection)> gone,
              std::size_t most_connections = kMaxConnections);
  ~OwnerSocket();
  OwnerSocket(const OwnerSocket&) = delete;
  OwnerSocket& operator=(const OwnerSocket&) = delete;

 private:
  struct Connection {
    int descriptor;
    bool ended = false;  // its thread is about to end: to be joined
    std::thread thread = {};
  };

  void accept_loop();
  bool serve_on_thread(int descriptor);  // under mutex_
  void serve(Connection& connection);
  std::list<Connection> take_ended();

  std::string path_;
  Handler handler_;
  std::function<void(int)> gone_;
  int listener_ = -1;
  std::mutex mutex_;
  bool stopping_ = false;
  std::size_t most_connections_;
  std::list<Connection> connections_;  // at most that many that have not ended
  std::thread accepter_;
};

// A connection to an archive's owner; nullopt where there is none (nobody holds the store).
class OwnerClient {
 public:
  static std::optional<OwnerClient> connect(ObjectStore& store);
  // For those who only ask: takes no hold to find out; nullopt too where the owner can't be reached.
  static std::optional<OwnerClient> reach(const ObjectStore& store);
  ~OwnerClient();
  OwnerClient(OwnerClient&& other) noexcept;
  OwnerClient& operator=(OwnerClient&& other) noexcept;

  // Throws the owner's Error, or Error{kLocked} where it ended or did not answer within `timeout`, or before
  // the descriptor `stop` was readable: the owner may still do it then. -1: there is none.
  nlohmann::json ask(const nlohmann::json& request, std::chrono::milliseconds timeout, int stop = -1);
  const OwnerRecord& owner() const { return owner_; }

 private:
  static std::optional<OwnerClient> reach(const OwnerRecord& owner);
  OwnerClient(int descriptor, OwnerRecord owner) : descriptor_(descriptor), owner_(std::move(owner)) {}
  int descriptor_ = -1;
  OwnerRecord owner_;
};

}  // namespace litewright
