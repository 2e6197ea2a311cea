// Whatever is asked: the address is taken apart within its bounds or refused, and no foreign name is let in.
#include <cstdint>
#include <string>

#include "base/error.h"
#include "require.h"
#include "serve/http_access.h"
#include "serve/http_message.h"

using litewright::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const std::string& target : {text, "/" + text, "/a?" + text}) {
    const auto parsed = litewright::parse_target(target);
    if (!parsed) continue;
    require(target.starts_with('/'));
    require(parsed->path.size() <= litewright::kMostTargetParts &&
            parsed->query.size() <= litewright::kMostTargetParts);
    for (const std::string& part : parsed->path) require(part.find('\0') == std::string::npos);
  }
  const litewright::AccessRules rules = {.hosts = {"db.example"}, .token = "0123456789abcdef"};
  litewright::HttpRequest request = {
      .method = "GET", .target = "/", .headers = {{"host", text + "evil.example"}}};
  require(text.find(':') != std::string::npos || refuse_foreign(request, rules).has_value());
  request.headers = {{"host", "127.0.0.1"}, {"origin", "http://evil.example" + text}};
  require(text.find('.') != std::string::npos || refuse_foreign(request, rules).has_value());
  request.headers = {{"authorization", text}};
  require(!has_token(request, rules) || text.ends_with(rules.token));
  try {
    litewright::parse_listen_address(text);
  } catch (const litewright::Error& error) {
    require(error.code() == litewright::ErrorCode::kConfig);
  }
  return 0;
}
