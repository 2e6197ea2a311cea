#include "serve/http_server_linux.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/test_effort.h"
#include "base/test_folder.h"

namespace litewright {
namespace {

using std::chrono::milliseconds;

// A connection to the server, as bytes.
class RawClient {
 public:
  explicit RawClient(const HttpServer& server) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in place = {.sin_family = AF_INET,
                         .sin_port = htons(server.address().port),
                         .sin_addr = {htonl(INADDR_LOOPBACK)},
                         .sin_zero = {}};
    if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&place), sizeof place) != 0)
      throw std::runtime_error("no connection");
    const timeval patience = {.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  void say(const std::string& text) { ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL); }
  // Up to `until`, or the end of the connection.
  std::string hear(const std::string& until = "") {
    std::string heard;
    char bytes[4096];
    while (until.empty() || heard.find(until) == std::string::npos) {
      const ssize_t got = ::recv(socket_.get(), bytes, sizeof bytes, 0);
      if (got <= 0) return heard;
      heard.append(bytes, static_cast<std::size_t>(got));
    }
    return heard;
  }
  void hang_up() { ::shutdown(socket_.get(), SHUT_WR); }

 private:
  FileDescriptor socket_;
};

std::string ask(const HttpServer& server, const std::string& request) {
  RawClient client(server);
  client.say(request);
  return client.hear();
}

std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
}

HttpAnswer text_answer(std::string body) {
  HttpAnswer answer;
  answer.type = "text/plain";
  answer.body = std::move(body);
  return answer;
}

// Says what it is asked to.
HttpAnswer echo(const HttpRequest& request) {
  return text_answer(request.method + " " + request.target + " " + std::string(request.header("x-one")) +
                     " " + request.body + (request.from_loopback ? " local" : ""));
}

const ListenAddress kAnyPort = {.host = "127.0.0.1", .port = 0};

TEST(HttpServer, HandsRequestsOnAsTheyWereSentAndAnswersBack) {
  const HttpServer server(kAnyPort, echo);
  const std::string answer = ask(server,
                                 "POST /a%2Fb?c=%20 HTTP/1.1\r\nHost: x\r\nX-One: 1\r\nX-ONE: 2\r\n"
                                 "Content-Length: 4\r\nConnection: close\r\n\r\nbody");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\nPOST /a%2Fb?c=%20 1, 2 body local")) << answer;
  EXPECT_NE(answer.find("X-Content-Type-Options: nosniff"), std::string::npos) << answer;
  EXPECT_EQ(server.status().requests, 1u);
}

// One that the library gives up at its head; the sanitizer tells whether all of it is freed.
TEST(HttpServer, SurvivesARequestOfTooManyArguments) {
  const HttpServer server(kAnyPort, echo);
  std::string target = "/?";
  for (int i = 0; i < 5'000; i++) target += "a=b&";
  for (int i = 0; i < 5; i++) RawClient(server).say(get(target));
  EXPECT_TRUE(ask(server, get("/")).starts_with("HTTP/1.1 200"));
}

// The library read an answer that it did not have when both met: about one run in a hundred ended the
// process.
TEST(HttpServer, EndsWhileMalformedRequestsCome) {
  std::string target = "/?";
  for (int i = 0; i < 5'000; i++) target += "a=b&";
  for (std::uint32_t run = 0; run < rounds({.brief = 10, .full = 500}); run++) {
    const HttpServer server(kAnyPort, echo);
    for (int i = 0; i < 5; i++) RawClient(server).say(get(target));
  }
}

// With clients at the door: two threads that both took it out of an epoll set ended the process.
TEST(HttpServer, ClosesItsDoorForAnother) {
  for (std::uint32_t run = 0; run < rounds({.brief = 10, .full = 500}); run++) {
    HttpServer server(kAnyPort, echo);
    RawClient(server).say(get("/"));
    const RawClient stays(server);
    server.close_door();
    const HttpServer another({.host = "127.0.0.1", .port = server.address().port}, echo);
    EXPECT_TRUE(ask(another, get("/")).starts_with("HTTP/1.1 200"));
  }
}

TEST(HttpServer, SaysWhereItCannotListen) {
  const HttpServer server(kAnyPort, echo);
  for (const ListenAddress& address : {ListenAddress{.host = "127.0.0.1", .port = server.address().port},
                                       {.host = "192.0.2.1", .port = 0}}) {
    try {
      const HttpServer second(address, echo);
      ADD_FAILURE() << address.host;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kConfig);
      EXPECT_FALSE(error.hint().empty());
    }
  }
}

TEST(HttpServer, RefusesWhatIsTooLargeAndGoesOn) {
  const HttpServer server(kAnyPort, echo, {.header_bytes = 2000, .body_bytes = 1000});
  EXPECT_TRUE(ask(server, "GET /" + std::string(1500, 'a') + " HTTP/1.1\r\nHost: x\r\nB: " +
                              std::string(800, 'b') + "\r\nConnection: close\r\n\r\n")
                  .starts_with("HTTP/1.1 431"));
  EXPECT_TRUE(
      ask(server, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n").starts_with("HTTP/1.1 413"));
  for (const char* two :
       {"Content-Length: 4\r\nContent-Length: 5", "Content-Length: 4\r\nTransfer-Encoding: chunked"}) {
    EXPECT_TRUE(ask(server, "POST / HTTP/1.1\r\nHost: x\r\n" + std::string(two) + "\r\n\r\n0\r\n\r\n")
                    .starts_with("HTTP/1.1 400"))
        << two;
  }
  const std::string chunk = "3e8\r\n" + std::string(1000, 'a') + "\r\n";
  EXPECT_EQ(ask(server, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + chunk),
            "");
  EXPECT_TRUE(ask(server, get("/")).starts_with("HTTP/1.1 200")) << "others were harmed";
  EXPECT_EQ(server.status().requests, 1u);
}

TEST(HttpServer, EndsConnectionsThatDoNotAsk) {
  const HttpServer server(kAnyPort, echo, {.request_time = milliseconds(300)});
  RawClient silent(server), slow(server);
  slow.say("GET / HTT");
  EXPECT_EQ(silent.hear(), "");
  EXPECT_EQ(slow.hear(), "");
  EXPECT_EQ(server.status().ended, 2u);
}

TEST(HttpServer, NoticesAClientThatHungUpWhileItAsked) {
  const HttpServer server(kAnyPort, echo);
  RawClient client(server);
  client.say("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  client.hang_up();
  EXPECT_NE(client.hear().find("200 OK"), std::string::npos);
  while (server.status().connections > 0) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_EQ(server.status().ended, 0u);
}

TEST(HttpServer, MakesLongAnswersWithoutKeepingOthersWaiting) {
  std::mutex gate;
  const auto answer = [&gate](const HttpRequest& request) {
    HttpAnswer made = text_answer("at once");
    if (request.target == "/long") {
      made.later = [&gate] {
        const std::lock_guard lock(gate);
        return text_answer("at last");
      };
    }
    return made;
  };
  const HttpServer server(kAnyPort, answer, {.waiting = 2, .slow_threads = 1});
  std::unique_lock closed(gate);
  std::vector<std::unique_ptr<RawClient>> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(std::make_unique<RawClient>(server));
    waiting.back()->say(get("/long"));
    // The first must be with the thread before two more can wait.
    while (server.status().requests < static_cast<std::uint64_t>(i) + 1) std::this_thread::yield();
    std::this_thread::sleep_for(milliseconds(50));
  }
  EXPECT_TRUE(ask(server, get("/")).ends_with("at once"));
  EXPECT_TRUE(ask(server, get("/long")).starts_with("HTTP/1.1 503")) << "the queue has no bound";
  closed.unlock();
  for (const auto& client : waiting) EXPECT_TRUE(client->hear().ends_with("at last"));
}

// Says a number whenever it grows, until it is 0.
class Counting final : public HttpStream {
 public:
  explicit Counting(const std::atomic<int>& number) : number_(number) {}
  bool ready() const override { return number_ != said_; }
  std::optional<std::string> next() override {
    if (number_ == 0) return std::nullopt;
    if (number_ == said_) return "";
    said_ = number_;
    return "number " + std::to_string(said_) + "\n";
  }

 private:
  const std::atomic<int>& number_;
  int said_ = -1;
};

TEST(HttpServer, StreamsForAsLongAsThereIsSomethingToSay) {
  std::atomic<int> number = 1;
  const auto answer = [&number](const HttpRequest&) {
    HttpAnswer made = text_answer("");
    made.stream = std::make_unique<Counting>(number);
    return made;
  };
  const HttpServer server(kAnyPort, answer, {.streams = 1});
  RawClient listener(server);
  listener.say(get("/"));
  EXPECT_NE(listener.hear("number 1\n").find("number 1\n"), std::string::npos);
  EXPECT_TRUE(ask(server, get("/")).starts_with("HTTP/1.1 503")) << "streams have no bound";
  number = 2;
  EXPECT_NE(listener.hear("number 2\n").find("number 2\n"), std::string::npos);
  number = 0;
  listener.hear();
  while (server.status().streams > 0) std::this_thread::sleep_for(milliseconds(10));
}

TEST(HttpServer, AListenerThatHasGoneMakesRoomForTheNext) {
  std::atomic<int> number = 1;
  const auto answer = [&number](const HttpRequest&) {
    HttpAnswer made = text_answer("");
    made.stream = std::make_unique<Counting>(number);
    return made;
  };
  const HttpServer server(kAnyPort, answer, {.streams = 1});
  for (int i = 0; i < 3; ++i) {
    {
      RawClient listener(server);
      listener.say(get("/"));
      EXPECT_NE(listener.hear("number 1\n").find("number 1\n"), std::string::npos) << i;
    }
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (server.status().streams > 0 && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(milliseconds(10));
    EXPECT_EQ(server.status().streams, 0u) << "nothing more is said, and its place is kept";
  }
}

TEST(HttpServer, StopsWhileSomebodyListensAndSomebodyIsSlow) {
  std::atomic<int> number = 1;
  const auto answer = [&number](const HttpRequest&) {
    HttpAnswer made = text_answer("");
    made.stream = std::make_unique<Counting>(number);
    return made;
  };
  auto server = std::make_unique<HttpServer>(kAnyPort, answer);
  RawClient listener(*server), slow(*server);
  slow.say("GET / H");
  listener.say(get("/"));
  listener.hear("number 1\n");
  server.reset();
  EXPECT_EQ(slow.hear(), "");
}

TEST(HttpServer, SendsAFileThatHasNoNameAnyMore) {
  const TestFolder folder;
  const auto answer = [&folder](const HttpRequest&) {
    HttpAnswer made = text_answer("");
    std::ofstream(folder.path("file")) << std::string(300000, 'x');
    made.file = open_file(folder.path("file"), O_RDONLY);
    made.file_bytes = 300000;
    ::unlink(folder.path("file").c_str());
    return made;
  };
  const HttpServer server(kAnyPort, answer);
  const std::string got = ask(server, get("/"));
  EXPECT_EQ(got.size() - got.find("\r\n\r\n") - 4, 300000u);
}

}  // namespace
}  // namespace litewright
