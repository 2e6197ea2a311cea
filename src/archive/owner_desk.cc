#include "archive/owner_desk.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace litewright {

using nlohmann::json;

namespace {

constexpr std::string_view kPrefix = "owners-", kSuffix = ".sock";

// Not by the process' number: it may live in another container that shares the folder.
bool somebody_answers(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return true;
  path.copy(address.sun_path, path.size());
  const FileDescriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
         errno != ECONNREFUSED;
}

void remove_sockets_of_the_dead(const std::string& state_folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(state_folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    if (!somebody_answers(entry.path().string())) ::unlink(entry.path().c_str());
  }
}

std::string new_socket(const std::string& state_folder) {
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  return fmt::format("{}/{}{}-{:08x}{}", state_folder, kPrefix, ::getpid(),
                     static_cast<std::uint32_t>(now / 1000), kSuffix);
}

}  // namespace

OwnerDesk::OwnerDesk(const std::string& state_folder) : path_(new_socket(state_folder)) {
  remove_sockets_of_the_dead(state_folder);
  socket_ = std::make_unique<OwnerSocket>(
      path_, [this](const json& request, int connection) { return answer(request, connection); },
      [this](int connection) { gone(connection); }, kMaxConnections);
}

OwnerDesk::~OwnerDesk() = default;

OwnerDesk::Place::Place(OwnerDesk& desk, std::string key, OwnerSocket::Handler handler,
                        std::function<void(int)> gone)
    : desk_(desk), key_(std::move(key)), handler_(std::move(handler)), gone_(std::move(gone)) {
  const std::lock_guard lock(desk_.mutex_);
  if (!desk_.places_.emplace(key_, this).second)
    throw Error(ErrorCode::kInternal, "two archives have the key " + key_);
}

OwnerDesk::Place::~Place() {
  std::unique_lock lock(desk_.mutex_);
  desk_.places_.erase(key_);
  desk_.changed_.wait(lock, [this] { return calls_ == 0; });
}

void OwnerDesk::ended(Place& place) {
  const std::lock_guard lock(mutex_);
  place.calls_--;
  changed_.notify_all();
}

json OwnerDesk::answer(const json& request, int connection) {
  Place* place = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(request.value("archive", ""));
    if (found == places_.end()) {
      throw Error(ErrorCode::kLocked, "the archiver of this archive is just starting or stopping",
                  "try again");
    }
    place = found->second;
    place->calls_++;
    place->connections_.insert(connection);
  }
  try {
    json answer = place->handler_(request, connection);
    ended(*place);
    return answer;
  } catch (...) {
    ended(*place);
    throw;
  }
}

void OwnerDesk::gone(int connection) {
  std::vector<Place*> asked;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, place] : places_) {
      if (place->connections_.erase(connection) == 0) continue;
      place->calls_++;
      asked.push_back(place);
    }
  }
  for (Place* place : asked) {
    place->gone_(connection);
    ended(*place);
  }
}

}  // namespace litewright
