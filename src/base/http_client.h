// Asks other programs over HTTP: one request, one answer, hard limits. No redirects are followed, and no
// protocol but http and https is spoken.
#pragma once

#include <chrono>
#include <string>

namespace litewright {

struct HttpPost {
  std::string url = {};  // may hold a secret: it is in no message
  std::string type = "application/json";
  std::string body = {};
  std::chrono::milliseconds time_limit = std::chrono::seconds(10);
};

// The status of the answer. Throws Error{kUsage} for a URL of another protocol, Error{kIo} naming the host
// where there is no answer in time. Usable from every thread.
int http_post(const HttpPost& post);

// "https://hooks.example" of "https://user:secret@hooks.example/T0/B0?x=y": what may be shown.
std::string shown_url(const std::string& url);

}  // namespace litewright
