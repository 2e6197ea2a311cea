#include "archive/owner.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <system_error>

#include "archive/catalogue.h"
#include "archive/documents.h"
#include "archive/sealed_document.h"
#include "base/checksum.h"
#include "base/error.h"
#include "base/json_text.h"

namespace litewright {

using nlohmann::json;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kLongestLine = 1 << 20;
constexpr int kHoldTries = 25;
constexpr milliseconds kHoldPause{20};
constexpr milliseconds kAcceptAgain{50};

std::string host_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    throw Error(ErrorCode::kCantCreate, fmt::format("{}: too long for a socket's path", path),
                "set LITEWRIGHT_STATE to a shorter folder");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

bool send_line(int descriptor, std::string line) {
  line.push_back('\n');
  for (std::size_t sent = 0; sent < line.size();) {
    const ssize_t n = ::send(descriptor, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

// Until when a poll(2) that wants to end at `deadline` sleeps, in its terms; nullopt: it is over.
std::optional<int> poll_time(const std::optional<SteadyTime>& deadline) {
  if (!deadline) return -1;
  const auto left = std::chrono::ceil<milliseconds>(*deadline - std::chrono::steady_clock::now());
  if (left.count() <= 0) return std::nullopt;
  return static_cast<int>(std::min<std::int64_t>(left.count(), std::numeric_limits<int>::max()));
}

bool is_readable(int descriptor) {
  pollfd one{descriptor, POLLIN, 0};
  return descriptor >= 0 && ::poll(&one, 1, 0) == 1;
}

// nullopt: the other side is gone, or nothing came before `deadline`, or before `stop` was readable. What
// follows the line stays in `pending`.
std::optional<std::string> receive_line(int descriptor, std::string& pending,
                                        const std::optional<SteadyTime>& deadline, int stop = -1) {
  while (pending.size() < kLongestLine) {
    if (const auto end = pending.find('\n'); end != std::string::npos) {
      std::string line = pending.substr(0, end);
      pending.erase(0, end + 1);
      return line;
    }
    const auto patience = poll_time(deadline);
    if (!patience) return std::nullopt;
    pollfd waiting[2] = {{descriptor, POLLIN, 0}, {stop, POLLIN, 0}};  // poll(2) passes over -1
    const int ready = ::poll(waiting, 2, *patience);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    if (ready < 0 || waiting[0].revents == 0) return std::nullopt;
    char buffer[4096];
    const ssize_t n = ::recv(descriptor, buffer, sizeof buffer, 0);
    if (n <= 0) return std::nullopt;
    pending.append(buffer, static_cast<std::size_t>(n));
  }
  return std::nullopt;
}

void write_owner(ObjectStore& store, const OwnerRecord& record) {
  const std::string text = seal_document({{"fence", record.fence},
                                          {"pid", record.pid},
                                          {"host", record.host},
                                          {"socket", record.socket},
                                          {"key", record.key},
                                          {"since", record.since.time_since_epoch().count()}});
  store.replace(std::string(kOwnerObject), std::as_bytes(std::span(text)));
}

// The number after the last owner's; where its record is lost or damaged, after the newest that is in a
// segment.
std::uint64_t next_fence(const ObjectStore& store) {
  try {
    if (const auto before = read_owner(store)) return before->fence + 1;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
  }
  std::uint64_t newest = 0;
  for (const SegmentEntry& entry : Catalogue::load(store).segments)
    newest = std::max(newest, entry.header.fence);
  return newest + 1;
}

Error held_by(const ObjectStore& store) {
  const auto owner = read_owner(store);
  if (!owner) return Error(ErrorCode::kLocked, store.describe() + ": another archiver holds this archive");
  return Error(
      ErrorCode::kLocked,
      fmt::format("{}: archived already by process {} on {}", store.describe(), owner->pid, owner->host),
      fmt::format("stop it first (kill {}), or name another archive: --archive FOLDER", owner->pid));
}

// A client that looks whether anybody is there takes the hold for a moment (OwnerClient::connect): an
// archiver that starts just then must not be refused for it.
std::unique_ptr<ObjectStore::Hold> hold_patiently(ObjectStore& store) {
  for (int tries = 1;; tries++) {
    auto hold = store.try_hold();
    if (hold || tries == kHoldTries) return hold;
    std::this_thread::sleep_for(kHoldPause);
  }
}

}  // namespace

std::optional<OwnerRecord> read_owner(const ObjectStore& store) {
  std::string text;
  try {
    text = read_object(store, std::string(kOwnerObject));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNoDatabase) return std::nullopt;
    throw;
  }
  const auto document = open_sealed_document(text, kOwnerObject);
  if (!document.contains("fence") || !document.contains("socket"))
    throw Error(ErrorCode::kDamaged, std::string(kOwnerObject) + ": not an owner's record");
  OwnerRecord record;
  record.fence = document.value("fence", std::uint64_t{0});
  record.pid = document.value("pid", 0);
  record.host = document.value("host", "");
  record.socket = document.value("socket", "");
  record.key = document.value("key", "");
  record.since = WallTime(std::chrono::nanoseconds(document.value("since", std::int64_t{0})));
  return record;
}

Ownership::Ownership(ObjectStore& store, const Clock& clock, const std::string& state_folder,
                     int reported_pid, const std::string& shared_socket)
    : hold_(hold_patiently(store)) {
  if (!hold_) throw held_by(store);
  require_known_format(store);
  const std::string place = store.describe();
  record_.fence = next_fence(store);
  record_.pid = reported_pid != 0 ? reported_pid : ::getpid();
  record_.host = host_name();
  const std::string key = fmt::format("{:016x}", checksum64(std::as_bytes(std::span(place))));
  record_.socket = shared_socket.empty() ? fmt::format("{}/owner-{}.sock", state_folder, key) : shared_socket;
  if (!shared_socket.empty()) record_.key = key;
  record_.since = clock.wall();
  write_owner(store, record_);
}

void Ownership::require_held(const ObjectStore& store, const std::string& id) {
  if (!in_doubt_ && hold_->still_there()) return;
  in_doubt_ = true;
  hold_->renew();
  const std::string identity(kIdentityObject);
  if (parse_identity(read_object(store, identity, kMaxDocumentBytes), identity).id != id) {
    throw Error(ErrorCode::kStoreUnreachable, store.describe() + ": another archive lies here now",
                "is the right disk mounted?");
  }
  const auto owner = read_owner(store);
  if (!owner || owner->fence != record_.fence) throw held_by(store);
  in_doubt_ = false;
}

OwnerSocket::OwnerSocket(std::string path, Handler handler, std::function<void(int)> gone,
                         std::size_t most_connections)
    : path_(std::move(path)),
      handler_(std::move(handler)),
      gone_(std::move(gone)),
      most_connections_(most_connections) {
  const sockaddr_un address = address_of(path_);
  ::unlink(path_.c_str());  // a killed owner's; the archive is ours
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener_ < 0) throw error_from_errno(errno, "make a socket");
  const mode_t mask = ::umask(0177);
  const int bound = ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::umask(mask);
  if (bound != 0 || ::listen(listener_, 16) != 0) {
    const int error_number = errno;
    ::close(listener_);
    throw error_from_errno(error_number, "listen at " + path_);
  }
  accepter_ = std::thread([this] { accept_loop(); });
}

OwnerSocket::~OwnerSocket() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const Connection& connection : connections_) {
      if (!connection.ended) ::shutdown(connection.descriptor, SHUT_RDWR);
    }
  }
  ::shutdown(listener_, SHUT_RDWR);
  accepter_.join();
  for (Connection& connection : connections_) connection.thread.join();
  ::close(listener_);
  ::unlink(path_.c_str());
}

// A thread that nobody joins keeps its stack: those of connections that ended are joined before the next
// one.
std::list<OwnerSocket::Connection> OwnerSocket::take_ended() {
  std::list<Connection> ended;
  const std::lock_guard lock(mutex_);
  for (auto at = connections_.begin(); at != connections_.end();) {
    const auto here = at++;
    if (here->ended) ended.splice(ended.end(), connections_, here);
  }
  return ended;
}

// Waits out what passes: a client that went away again, no descriptor or memory for another one just now.
void OwnerSocket::accept_loop() {
  constexpr std::array kPassing = {EINTR, ECONNABORTED, EMFILE, ENFILE, ENOBUFS, ENOMEM};
  while (true) {
    const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const bool passes = descriptor < 0 && std::ranges::find(kPassing, errno) != kPassing.end();
    for (Connection& connection : take_ended()) connection.thread.join();
    std::unique_lock lock(mutex_);
    if (stopping_ || (descriptor < 0 && !passes)) {
      if (descriptor >= 0) ::close(descriptor);
      return;
    }
    if (passes) {
      lock.unlock();
      std::this_thread::sleep_for(kAcceptAgain);
    } else if (connections_.size() >= most_connections_ || !serve_on_thread(descriptor)) {
      ::close(descriptor);
    }
  }
}

// False: the machine has no thread left for it.
bool OwnerSocket::serve_on_thread(int descriptor) {
  Connection& connection = connections_.emplace_back(Connection{descriptor});
  try {
    connection.thread = std::thread([this, &connection] { serve(connection); });
    return true;
  } catch (const std::system_error&) {
    connections_.pop_back();
    return false;
  }
}

void OwnerSocket::serve(Connection& connection) {
  const int descriptor = connection.descriptor;
  std::string pending;
  while (const auto line = receive_line(descriptor, pending, std::nullopt)) {
    json answer;
    try {
      const json request = parse_json(*line);
      if (!request.is_object()) throw Error(ErrorCode::kUsage, "the request is not a JSON object");
      answer = handler_(request, descriptor);
    } catch (const Error& error) {
      answer = {
          {"error", {{"code", error.exit_status()}, {"message", error.what()}, {"hint", error.hint()}}}};
    } catch (const json::exception& error) {
      answer = {{"error",
                 {{"code", static_cast<int>(ErrorCode::kUsage)}, {"message", error.what()}, {"hint", ""}}}};
    }
    if (!send_line(descriptor, json_text(answer))) break;
  }
  gone_(descriptor);
  const std::lock_guard lock(mutex_);
  connection.ended = true;
  ::close(descriptor);
}

std::optional<OwnerClient> OwnerClient::connect(ObjectStore& store) {
  std::optional<OwnerRecord> owner;
  try {
    owner = read_owner(store);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
    if (store.try_hold()) return std::nullopt;  // nobody is there, and the next owner writes it anew
    throw Error(ErrorCode::kDamaged, error.what(), "start its archiver again: it writes this anew");
  }
  if (!owner) return std::nullopt;
  if (auto client = reach(*owner)) return client;
  if (store.try_hold()) return std::nullopt;  // the last owner is gone
  throw held_by(store);
}

std::optional<OwnerClient> OwnerClient::reach(const ObjectStore& store) {
  const auto owner = read_owner(store);
  return owner ? reach(*owner) : std::nullopt;
}

std::optional<OwnerClient> OwnerClient::reach(const OwnerRecord& owner) {
  const sockaddr_un address = address_of(owner.socket);
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) throw error_from_errno(errno, "make a socket");
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return OwnerClient(descriptor, owner);
  }
  ::close(descriptor);
  return std::nullopt;
}

OwnerClient::~OwnerClient() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

OwnerClient::OwnerClient(OwnerClient&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), owner_(std::move(other.owner_)) {}

OwnerClient& OwnerClient::operator=(OwnerClient&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(owner_, other.owner_);
  return *this;
}

json OwnerClient::ask(const json& request, milliseconds timeout, int stop) {
  std::string pending;
  json addressed = request;
  if (!owner_.key.empty()) addressed["archive"] = owner_.key;
  const bool sent = send_line(descriptor_, json_text(addressed));
  const auto line = sent
                        ? receive_line(descriptor_, pending, std::chrono::steady_clock::now() + timeout, stop)
                        : std::nullopt;
  if (!line && is_readable(stop)) {
    throw Error(ErrorCode::kLocked, fmt::format("stopped waiting for the archiver (process {})", owner_.pid),
                "it may still do what it was asked for: litewright log DB");
  }
  if (!line) {
    throw Error(
        ErrorCode::kLocked,
        fmt::format("the archiver (process {}) did not answer within {} ms", owner_.pid, timeout.count()),
        "is it stopped? ps -o pid,stat,cmd -p " + std::to_string(owner_.pid));
  }
  json answer = parse_json(*line);
  if (answer.contains("error")) {
    const json& error = answer["error"];
    throw Error(static_cast<ErrorCode>(error.value("code", 70)), error.value("message", ""),
                error.value("hint", ""));
  }
  return answer;
}

}  // namespace litewright
