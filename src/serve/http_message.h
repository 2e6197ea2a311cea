// A request and its answer as plain values: what every route works on. No socket, no library.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace litewright {

// The part of a request's first line between method and version, taken apart and percent-decoded.
struct HttpTarget {
  std::vector<std::string> path = {};                          // "/a/b%2Fc" is {"a", "b/c"}; "/" is {}
  std::map<std::string, std::string, std::less<>> query = {};  // of several of one name the first
};

// Empty where it is no path, has a bad percent escape, a NUL, or more than kMostTargetParts parts.
std::optional<HttpTarget> parse_target(std::string_view target);
constexpr std::size_t kMostTargetParts = 32;

struct HttpRequest {
  std::string method = {};
  std::string target = {};  // as it was sent
  // Names in small letters. A header that was sent twice has both values, a comma between.
  std::map<std::string, std::string, std::less<>> headers = {};
  std::string body = {};
  bool from_loopback = false;

  std::string_view header(std::string_view name) const;  // empty where it was not sent
};

// What is sent bit by bit, for as long as the reader stays. Used by one thread at a time.
class HttpStream {
 public:
  virtual ~HttpStream() = default;
  // Whether next() has something to say. Asked several times a second.
  virtual bool ready() const = 0;
  // What is to be sent now; empty: nothing yet. No value: it is over.
  virtual std::optional<std::string> next() = 0;
};

struct HttpAnswer {
  int status = 200;
  std::string type = "application/json";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  // Instead of the body, one of
  FileDescriptor file = {};  // its first file_bytes bytes
  std::uint64_t file_bytes = 0;
  std::unique_ptr<HttpStream> stream = {};
  // Instead of all: what takes longer than a look into memory. Called once, on a thread where it may wait.
  std::function<HttpAnswer()> later = {};
};

HttpAnswer json_answer(const nlohmann::ordered_json& document, int status = 200);

// application/problem+json (RFC 9457): type, title, status, detail; `hint`, what to do next, where there is
// one.
HttpAnswer problem(int status, const std::string& detail, const std::string& hint = "");
HttpAnswer problem(const Error& error);

std::string_view http_status_text(int status);

}  // namespace litewright
