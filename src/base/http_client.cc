#include "base/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>

#include "base/error.h"

namespace litewright {
namespace {

constexpr const char* kProtocols = "http,https";
constexpr std::size_t kMostAnswer = 64 << 10;  // bytes; the answer is not looked at

// curl's own state, once in a process and before threads ask.
bool begin_curl() {
  static const CURLcode begun = curl_global_init(CURL_GLOBAL_DEFAULT);
  return begun == CURLE_OK;
}

std::size_t count_only(char*, std::size_t size, std::size_t count, void* total) {
  std::size_t& seen = *static_cast<std::size_t*>(total);
  seen += size * count;
  return seen > kMostAnswer ? 0 : size * count;
}

struct EndCurl {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

}  // namespace

std::string shown_url(const std::string& url) {
  const std::size_t slashes = url.find("://");
  if (slashes == std::string::npos) return "a URL without a protocol";
  std::string place = url.substr(slashes + 3);
  place = place.substr(0, place.find_first_of("/?#"));
  if (const std::size_t user = place.rfind('@'); user != std::string::npos) place = place.substr(user + 1);
  return url.substr(0, slashes + 3) + place;
}

int http_post(const HttpPost& post) {
  if (!post.url.starts_with("http://") && !post.url.starts_with("https://")) {
    throw Error(ErrorCode::kUsage, fmt::format("{} is neither http:// nor https://", shown_url(post.url)));
  }
  const std::unique_ptr<CURL, EndCurl> handle(begin_curl() ? curl_easy_init() : nullptr);
  if (!handle) throw Error(ErrorCode::kIo, "curl can't begin");
  const std::unique_ptr<curl_slist, EndCurl> headers(
      curl_slist_append(nullptr, ("Content-Type: " + post.type).c_str()));
  std::size_t seen = 0;
  CURL* curl = handle.get();
  curl_easy_setopt(curl, CURLOPT_URL, post.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, kProtocols);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(post.time_limit.count()));
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "litewright");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_POST, 1L);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(post.body.size()));
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post.body.c_str());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &count_only);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &seen);
  const CURLcode result = curl_easy_perform(curl);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  // An answer that is too long was cut off by us; its status counts.
  if (result != CURLE_OK && !(result == CURLE_WRITE_ERROR && status != 0)) {
    throw Error(ErrorCode::kIo, fmt::format("{}: {}", shown_url(post.url), curl_easy_strerror(result)));
  }
  return static_cast<int>(status);
}

}  // namespace litewright
