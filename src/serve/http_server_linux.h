// An HTTP/1.1 server over libmicrohttpd: epoll, two threads, hard limits. It knows no routes: it turns bytes
// into an HttpRequest, asks one function, and sends the HttpAnswer.
//
// What keeps slow and broken clients from others:
//   1. The function is called on one of two threads that never wait: answers that take long are made `later`,
//      on a few threads of their own with a bounded queue; beyond it is 503.
//   2. A request must be whole within `request_time` of the connection's beginning or its last answer; when
//      half of the connections are taken, within a second. An answer must be taken within `answer_time`.
//   3. Connections are bounded in all, by address (this machine's own apart), and streams of events by
//      number.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "serve/http_access.h"
#include "serve/http_message.h"

namespace litewright {

struct HttpLimits {
  unsigned connections = 2048;  // never more than a quarter of the process's descriptors
  unsigned connections_by_address = 256;
  unsigned streams = 64;
  unsigned waiting = 32;      // answers to be made later that wait for a thread
  unsigned slow_threads = 3;  // that make them
  std::size_t header_bytes = 16 << 10;
  std::size_t body_bytes = 64 << 10;
  std::chrono::milliseconds request_time = std::chrono::seconds(30);
  std::chrono::milliseconds request_time_when_full = std::chrono::seconds(1);
  std::chrono::milliseconds answer_time = std::chrono::hours(1);
  std::chrono::seconds silence = std::chrono::seconds(20);  // without a byte either way
};

struct HttpServerStatus {
  std::uint64_t requests = 0;  // that reached the function
  std::uint64_t ended = 0;     // connections that were ended for a limit of time
  std::uint64_t refused = 0;   // connections beyond connections_by_address
  unsigned connections = 0;
  unsigned streams = 0;
};

class HttpServer {
 public:
  // `answer` is called from several threads at once and must not throw; it and all that it uses outlive the
  // server. Listens when the constructor returns. Throws Error{kConfig} where the address is not this
  // machine's or is taken.
  HttpServer(const ListenAddress& address, std::function<HttpAnswer(const HttpRequest&)> answer,
             const HttpLimits& limits = {});
  // Answers that are being made are waited for; streams end.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // With the port that was taken where 0 was asked for.
  const ListenAddress& address() const;
  HttpServerStatus status() const;
  // Nobody is let in any more, and the port is another process's to take; waits for nothing. For a process
  // that is about to end: until then the threads find the door closed again and again.
  void close_door();

 private:
  class Engine;
  std::unique_ptr<Engine> engine_;
};

}  // namespace litewright
