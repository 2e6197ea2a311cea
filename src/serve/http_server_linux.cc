#include "serve/http_server_linux.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "base/error.h"
#include "serve/http_routes.h"

namespace litewright {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kBacklog = 1024;
constexpr unsigned kThreads = 2;
constexpr std::size_t kStreamBlock = 16 << 10;
constexpr std::size_t kAnswerHead = 8 << 10;
// From 32 KiB on the library takes a connection's memory from the system instead of the heap: it is given
// back with the connection, and what was not used of it never was there. From the heap, a thousand
// connections more each time left other pages touched each time.
constexpr std::size_t kOwnPages = 40 << 10;
constexpr std::size_t kMostDigits = 18;  // of a length
constexpr milliseconds kLookAtStreams{100};
constexpr milliseconds kLookAtConnections{250};
constexpr milliseconds kGoodbye{2000}, kLateArrival{20};
constexpr milliseconds kLookForEnd{1000};  // of a connection that says nothing

// The peer's address as text, and whether it is this machine.
struct Peer {
  std::string address = {};
  bool loopback = false;
};

Peer peer_of(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address == nullptr) return {};
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    ::inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    return {text, (ntohl(v4->sin_addr.s_addr) >> 24) == 127};
  }
  if (address->sa_family != AF_INET6) return {};
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
  ::inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
  const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) && v6->sin6_addr.s6_addr[12] == 127;
  return {text, IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) || mapped};
}

// Bound, listening, without blocking.
FileDescriptor listening_socket(const ListenAddress& address) {
  const std::string host = address.host == "localhost" ? "127.0.0.1" : address.host;
  const auto failed = [&address](const char* doing) {
    const int error = errno;
    return Error(ErrorCode::kConfig,
                 fmt::format("[http] listen: {} {} port {}: {}", doing, address.host, address.port,
                             std::strerror(error)),
                 error == EADDRINUSE ? "another process listens there: ss -ltnp; or set another [http] listen"
                                     : "set [http] listen to an address of this machine");
  };
  sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(address.port), .sin_addr = {}, .sin_zero = {}};
  sockaddr_in6 v6 = {};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(address.port);
  const bool is_v4 = ::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1;
  if (!is_v4 && ::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) != 1) {
    errno = EADDRNOTAVAIL;
    throw failed("listen at");
  }
  FileDescriptor socket(::socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) throw failed("a socket for");
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto* place = is_v4 ? reinterpret_cast<sockaddr*>(&v4) : reinterpret_cast<sockaddr*>(&v6);
  if (::bind(socket.get(), place, is_v4 ? sizeof v4 : sizeof v6) != 0) throw failed("bind to");
  if (::listen(socket.get(), kBacklog) != 0) throw failed("listen at");
  return socket;
}

std::uint16_t port_of(int socket) {
  sockaddr_storage place = {};
  socklen_t size = sizeof place;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&place), &size);
  return ntohs(place.ss_family == AF_INET ? reinterpret_cast<sockaddr_in*>(&place)->sin_port
                                          : reinterpret_cast<sockaddr_in6*>(&place)->sin6_port);
}

unsigned allowed_connections(unsigned wanted) {
  rlimit descriptors = {};
  ::getrlimit(RLIMIT_NOFILE, &descriptors);
  return static_cast<unsigned>(std::clamp<rlim_t>(descriptors.rlim_cur / 4, kThreads, wanted));
}

// A name of the library's: a header that is never sent twice must not be joined in silence.
MHD_Result keep_header(void* headers, MHD_ValueKind, const char* key, const char* value) {
  std::string name = key;
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  std::string& kept = (*static_cast<std::map<std::string, std::string, std::less<>>*>(headers))[name];
  kept += (kept.empty() ? "" : ", ") + std::string(value == nullptr ? "" : value);
  return MHD_YES;
}

// The library does not notice an end that came together with the request (epoll tells it once).
bool has_hung_up(int socket) {
  char next = 0;
  // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection): MSG_DONTWAIT
  const ssize_t got = ::recv(socket, &next, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

// The address is decoded by parse_target(), not by the library.
std::size_t leave_escaped(void*, MHD_Connection*, char* text) { return std::strlen(text); }

}  // namespace

class HttpServer::Engine {
 public:
  Engine(ListenAddress address, std::function<HttpAnswer(const HttpRequest&)> answer,
         const HttpLimits& limits);
  ~Engine();

  const ListenAddress& address() const { return address_; }
  HttpServerStatus status() const;
  void close_door();

 private:
  // A request on its way to its answer; from its first line until it was sent or given up.
  struct Exchange {
    HttpRequest request = {};
    bool begun = false;
    bool waits = false;  // for its answer to be made
    std::optional<HttpAnswer> answer = {};
  };
  // A client's connection. The library's threads, the keeper's: under mutex_.
  struct Client {
    int fd = -1;
    Peer peer = {};
    bool answering = false;
    bool ended = false;  // by us, for a limit
    steady_clock::time_point since = {};
    std::unique_ptr<Exchange> exchange = {};  // its request's
  };
  struct Waiting {
    MHD_Connection* connection = nullptr;
    Exchange* exchange = nullptr;
    std::function<HttpAnswer()> make = {};
  };
  struct Flow {  // a stream on its way out
    Engine* engine = nullptr;
    MHD_Connection* connection = nullptr;
    int fd = -1;  // the connection's
    std::unique_ptr<HttpStream> stream = {};
    std::string rest = {};
    bool suspended = false;
    bool deserted = false;  // nobody listens any more
  };

  // What the library calls.
  static MHD_Result accepts(void* self, const sockaddr* address, socklen_t size);
  static void connection_changed(void* self, MHD_Connection* connection, void** context,
                                 MHD_ConnectionNotificationCode what);
  static void* request_begins(void* self, const char* target, MHD_Connection* connection);
  static MHD_Result request_goes_on(void* self, MHD_Connection* connection, const char*, const char* method,
                                    const char*, const char* data, std::size_t* size, void** exchange);
  static void request_ended(void* self, MHD_Connection* connection, void** exchange,
                            MHD_RequestTerminationCode);
  static ssize_t flow_on(void* flow, std::uint64_t, char* out, std::size_t most);
  static void flow_ended(void* flow);

  std::optional<HttpAnswer> take_head(MHD_Connection* connection, Exchange& exchange, const char* method);
  MHD_Result answer_whole(MHD_Connection* connection, Exchange& exchange);
  MHD_Result send(MHD_Connection* connection, HttpAnswer answer);
  MHD_Response* response_of(MHD_Connection* connection, HttpAnswer& answer);
  Client* client_of(MHD_Connection* connection);
  void start(MHD_Daemon*& daemon);
  void make_answers();
  void keep_house();
  void say_goodbye();
  void end_the_slow(steady_clock::time_point now);
  void notice_deserted();
  void resume_flows();

  ListenAddress address_;
  std::function<HttpAnswer(const HttpRequest&)> answer_;
  HttpLimits limits_;
  FileDescriptor socket_;
  std::atomic<std::uint64_t> requests_{0}, ended_{0}, refused_{0};

  mutable std::mutex mutex_;
  std::condition_variable work_, house_;
  bool stopping_ = false;
  std::list<Client> clients_;
  std::map<std::string, unsigned> by_address_;
  std::deque<Waiting> waiting_;
  std::set<Flow*> flows_;

  MHD_Daemon* daemon_ = nullptr;
  std::vector<std::thread> threads_;
};

HttpServer::Engine::Engine(ListenAddress address, std::function<HttpAnswer(const HttpRequest&)> answer,
                           const HttpLimits& limits)
    : address_(std::move(address)),
      answer_(std::move(answer)),
      limits_(limits),
      socket_(listening_socket(address_)) {
  limits_.connections = allowed_connections(limits.connections);
  address_.port = port_of(socket_.get());
  start(daemon_);
  threads_.emplace_back([this] { keep_house(); });
  for (unsigned i = 0; i < limits_.slow_threads; ++i) threads_.emplace_back([this] { make_answers(); });
}

void HttpServer::Engine::start(MHD_Daemon*& daemon) {
  const std::size_t memory = std::max(limits_.header_bytes + kAnswerHead, kOwnPages);
  daemon = MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, &Engine::accepts, this,
      &Engine::request_goes_on, this, MHD_OPTION_LISTEN_SOCKET, socket_.get(), MHD_OPTION_THREAD_POOL_SIZE,
      kThreads, MHD_OPTION_CONNECTION_LIMIT, limits_.connections, MHD_OPTION_CONNECTION_TIMEOUT,
      static_cast<unsigned>(limits_.silence.count()), MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory,
      MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, &Engine::request_begins, this,
      MHD_OPTION_UNESCAPE_CALLBACK, &leave_escaped, nullptr, MHD_OPTION_NOTIFY_COMPLETED,
      &Engine::request_ended, this, MHD_OPTION_NOTIFY_CONNECTION, &Engine::connection_changed, this,
      MHD_OPTION_END);
  if (daemon == nullptr) {
    throw Error(
        ErrorCode::kIo,
        fmt::format("no HTTP server at {} port {}: {}", address_.host, address_.port, std::strerror(errno)),
        "is the number of threads or descriptors at its limit? ulimit -a");
  }
}

// Without MHD_quiesce_daemon(): in 0.9.75 it and a thread of the pool may both take the socket out of the
// same epoll set, and the second one ends the process. The descriptor may outlive us in a process that can't
// be ended; a socket that does not listen leaves its port to another.
void HttpServer::Engine::close_door() { ::shutdown(socket_.get(), SHUT_RDWR); }

// Not quiesced either; who comes now is refused.
HttpServer::Engine::~Engine() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  house_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  say_goodbye();
  socket_.release();  // the library closes it
  MHD_stop_daemon(daemon_);
}

// While it stops, libmicrohttpd 0.9.75 takes an error answer of its own for queued, does not have it, and
// reads it: a malformed request at the wrong moment ends the process. So nobody is there any more when it
// stops.
void HttpServer::Engine::say_goodbye() {
  std::unique_lock lock(mutex_);
  const auto patience = steady_clock::now() + kGoodbye;
  do {
    resume_flows();
    for (Client& client : clients_) {
      if (!std::exchange(client.ended, true)) ::shutdown(client.fd, SHUT_RDWR);
    }
    // One that was accepted a moment ago may not be told of yet.
    house_.wait_for(lock, kLateArrival);
  } while (steady_clock::now() < patience && !clients_.empty());
}

HttpServerStatus HttpServer::Engine::status() const {
  const std::lock_guard lock(mutex_);
  return {.requests = requests_,
          .ended = ended_,
          .refused = refused_,
          .connections = static_cast<unsigned>(clients_.size()),
          .streams = static_cast<unsigned>(flows_.size())};
}

MHD_Result HttpServer::Engine::accepts(void* self, const sockaddr* address, socklen_t) {
  auto* engine = static_cast<Engine*>(self);
  const Peer peer = peer_of(address);
  const std::lock_guard lock(engine->mutex_);
  if (engine->stopping_) return MHD_NO;
  if (peer.loopback) return MHD_YES;
  const auto found = engine->by_address_.find(peer.address);
  if (found == engine->by_address_.end() || found->second < engine->limits_.connections_by_address)
    return MHD_YES;
  ++engine->refused_;
  return MHD_NO;
}

void HttpServer::Engine::connection_changed(void* self, MHD_Connection* connection, void** context,
                                            MHD_ConnectionNotificationCode what) {
  auto* engine = static_cast<Engine*>(self);
  const std::lock_guard lock(engine->mutex_);
  if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
    auto* client = static_cast<Client*>(*context);
    const auto count = engine->by_address_.find(client->peer.address);
    if (--count->second == 0) engine->by_address_.erase(count);
    engine->clients_.remove_if([client](const Client& one) { return &one == client; });
    return;
  }
  const auto* fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  const auto* address = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  engine->clients_.push_back(
      {.fd = fd->connect_fd, .peer = peer_of(address->client_addr), .since = steady_clock::now()});
  *context = &engine->clients_.back();
  ++engine->by_address_[engine->clients_.back().peer.address];
  if (engine->clients_.size() == 1) engine->house_.notify_all();
}

// The exchange is the connection's: a request that the library gives up at its head may never be told to have
// ended.
void* HttpServer::Engine::request_begins(void* self, const char* target, MHD_Connection* connection) {
  auto* engine = static_cast<Engine*>(self);
  auto exchange = std::make_unique<Exchange>();
  exchange->request.target = target;
  const std::lock_guard lock(engine->mutex_);
  Client* client = engine->client_of(connection);
  if (client == nullptr) return nullptr;
  client->exchange = std::move(exchange);
  return client->exchange.get();
}

void HttpServer::Engine::request_ended(void* self, MHD_Connection* connection, void** exchange,
                                       MHD_RequestTerminationCode) {
  auto* engine = static_cast<Engine*>(self);
  *exchange = nullptr;
  std::unique_ptr<Exchange> over;
  const std::lock_guard lock(engine->mutex_);
  if (Client* client = engine->client_of(connection)) {
    client->answering = false;
    client->since = steady_clock::now();
    over = std::move(client->exchange);
  }
}

HttpServer::Engine::Client* HttpServer::Engine::client_of(MHD_Connection* connection) {
  const auto* context = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return context == nullptr ? nullptr : static_cast<Client*>(context->socket_context);
}

// The headers are there. An answer that needs no body to be read first: it is too large.
std::optional<HttpAnswer> HttpServer::Engine::take_head(MHD_Connection* connection, Exchange& exchange,
                                                        const char* method) {
  exchange.begun = true;
  HttpRequest& request = exchange.request;
  request.method = method;
  MHD_get_connection_values(connection, MHD_HEADER_KIND, &keep_header, &request.headers);
  if (const Client* client = client_of(connection)) request.from_loopback = client->peer.loopback;
  std::size_t bytes = request.target.size();
  for (const auto& [name, value] : request.headers) bytes += name.size() + value.size();
  if (bytes > limits_.header_bytes)
    return problem(431, fmt::format("the head of a request has {} bytes at most", limits_.header_bytes));
  const std::string length(request.header("content-length"));
  // Two lengths, or a length of chunks: where the next request begins is a matter of opinion.
  if (length.find_first_not_of("0123456789") != std::string::npos ||
      (!length.empty() && request.headers.contains("transfer-encoding")))
    return problem(400, "the length of the request can't be told");
  if (length.size() > kMostDigits || std::strtoull(length.c_str(), nullptr, 10) > limits_.body_bytes)
    return problem(413, fmt::format("a request has {} bytes at most", limits_.body_bytes));
  return std::nullopt;
}

MHD_Result HttpServer::Engine::request_goes_on(void* self, MHD_Connection* connection, const char*,
                                               const char* method, const char*, const char* data,
                                               std::size_t* size, void** context) {
  auto* engine = static_cast<Engine*>(self);
  auto* exchange = static_cast<Exchange*>(*context);
  if (exchange == nullptr) return MHD_NO;
  if (!exchange->begun) {
    auto refused = engine->take_head(connection, *exchange, method);
    return refused ? engine->send(connection, std::move(*refused)) : MHD_YES;
  }
  if (*size == 0) return engine->answer_whole(connection, *exchange);
  if (exchange->request.body.size() + *size > engine->limits_.body_bytes) return MHD_NO;
  exchange->request.body.append(data, *size);
  *size = 0;
  return MHD_YES;
}

// The request is whole: or its answer is, and the library asks again.
MHD_Result HttpServer::Engine::answer_whole(MHD_Connection* connection, Exchange& exchange) {
  if (!exchange.waits) {
    ++requests_;
    exchange.answer = answer_(exchange.request);
    std::unique_lock lock(mutex_);
    if (Client* client = client_of(connection)) {
      client->answering = true;
      client->since = steady_clock::now();
    }
    if (exchange.answer->later) {
      if (!stopping_ && waiting_.size() < limits_.waiting) {
        exchange.waits = true;
        waiting_.push_back({connection, &exchange, std::move(exchange.answer->later)});
        exchange.answer.reset();
        MHD_suspend_connection(connection);
        work_.notify_one();
        return MHD_YES;
      }
      exchange.answer = problem(503, "too much is asked for at once", "ask again in a while");
      exchange.answer->headers.emplace_back("Retry-After", "5");
    }
  }
  std::optional<HttpAnswer> ready;
  {
    const std::lock_guard lock(mutex_);
    ready.swap(exchange.answer);
  }
  return ready ? send(connection, std::move(*ready)) : MHD_NO;
}

MHD_Response* HttpServer::Engine::response_of(MHD_Connection* connection, HttpAnswer& answer) {
  if (answer.stream) {
    auto flow = std::make_unique<Flow>();
    flow->engine = this;
    flow->connection = connection;
    flow->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    flow->stream = std::move(answer.stream);
    const std::lock_guard lock(mutex_);
    MHD_Response* response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, kStreamBlock, &Engine::flow_on, flow.get(), &Engine::flow_ended);
    if (response != nullptr) flows_.insert(flow.release());
    return response;
  }
  if (answer.file) return MHD_create_response_from_fd64(answer.file_bytes, answer.file.release());
  return MHD_create_response_from_buffer(answer.body.size(), answer.body.data(), MHD_RESPMEM_MUST_COPY);
}

MHD_Result HttpServer::Engine::send(MHD_Connection* connection, HttpAnswer answer) {
  if (answer.stream) {
    const std::lock_guard lock(mutex_);
    if (flows_.size() >= limits_.streams || stopping_) answer = problem(503, "too many listen already");
  }
  MHD_Response* response = response_of(connection, answer);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, "Content-Type", answer.type.c_str());
  MHD_add_response_header(response, "Cache-Control", "no-store");
  MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : answer.headers)
    MHD_add_response_header(response, name.c_str(), value.c_str());
  const MHD_Result result = MHD_queue_response(connection, static_cast<unsigned>(answer.status), response);
  MHD_destroy_response(response);
  return result;
}

ssize_t HttpServer::Engine::flow_on(void* context, std::uint64_t, char* out, std::size_t most) {
  auto* flow = static_cast<Flow*>(context);
  try {
    if (flow->rest.empty()) {
      auto said = flow->stream->next();
      if (!said) return MHD_CONTENT_READER_END_OF_STREAM;
      flow->rest = std::move(*said);
    }
  } catch (const std::exception&) {
    return MHD_CONTENT_READER_END_WITH_ERROR;  // the connection ends: all that can still be said
  }
  const std::lock_guard lock(flow->engine->mutex_);
  if (flow->engine->stopping_ || flow->deserted) return MHD_CONTENT_READER_END_OF_STREAM;
  if (flow->rest.empty()) {
    flow->suspended = true;
    MHD_suspend_connection(flow->connection);
    return 0;
  }
  const std::size_t taken = std::min(most, flow->rest.size());
  std::copy_n(flow->rest.data(), taken, out);
  flow->rest.erase(0, taken);
  return static_cast<ssize_t>(taken);
}

void HttpServer::Engine::flow_ended(void* context) {
  const std::unique_ptr<Flow> flow(static_cast<Flow*>(context));
  const std::lock_guard lock(flow->engine->mutex_);
  flow->engine->flows_.erase(flow.get());
}

void HttpServer::Engine::make_answers() {
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    HttpAnswer answer = problem(503, "litewright serve is stopping");
    if (!stopping_) {
      lock.unlock();
      answer = answer_or_problem(next.make);
      lock.lock();
    }
    next.exchange->answer = std::move(answer);
    MHD_resume_connection(next.connection);
  }
}

void HttpServer::Engine::keep_house() {
  std::unique_lock lock(mutex_);
  auto looked = steady_clock::now();
  while (!stopping_) {
    if (clients_.empty())
      house_.wait(lock, [this] { return stopping_ || !clients_.empty(); });
    else
      house_.wait_for(lock, flows_.empty() ? kLookAtConnections : kLookAtStreams);
    const auto now = steady_clock::now();
    const bool look = now - looked >= kLookAtConnections;
    if (look) notice_deserted();
    resume_flows();
    if (!look) continue;
    looked = now;
    end_the_slow(now);
  }
}

// Under mutex_. A connection that is shut down here is closed by the library, which tells us before it
// closes the descriptor: no other file can have its number yet.
void HttpServer::Engine::end_the_slow(steady_clock::time_point now) {
  const bool full = clients_.size() * 2 > limits_.connections;
  const milliseconds for_requests = full ? limits_.request_time_when_full : limits_.request_time;
  for (Client& client : clients_) {
    if (client.ended) continue;
    const milliseconds allowed = client.answering ? limits_.answer_time : for_requests;
    const auto waited = now - client.since;
    const bool late = waited >= allowed;
    if (!late && (client.answering || waited < kLookForEnd || !has_hung_up(client.fd))) continue;
    client.ended = true;
    if (late) ++ended_;
    ::shutdown(client.fd, SHUT_RDWR);
  }
}

// Under mutex_. The library looks at no connection that is suspended: a listener that has gone would keep its
// place until what is said next can't be sent.
void HttpServer::Engine::notice_deserted() {
  for (Flow* flow : flows_) flow->deserted |= has_hung_up(flow->fd);
}

void HttpServer::Engine::resume_flows() {
  for (Flow* flow : flows_) {
    if (!flow->suspended || !(stopping_ || flow->deserted || flow->stream->ready())) continue;
    flow->suspended = false;
    MHD_resume_connection(flow->connection);
  }
}

HttpServer::HttpServer(const ListenAddress& address, std::function<HttpAnswer(const HttpRequest&)> answer,
                       const HttpLimits& limits)
    : engine_(std::make_unique<Engine>(address, std::move(answer), limits)) {}

HttpServer::~HttpServer() = default;

const ListenAddress& HttpServer::address() const { return engine_->address(); }

HttpServerStatus HttpServer::status() const { return engine_->status(); }

void HttpServer::close_door() { engine_->close_door(); }

}  // namespace litewright
