// Who may ask for what: where the daemon listens, its token, which Host and Origin a request may carry.
//
// The rules:
//   1. Without a token only this machine is listened to (loopback), and every process on it may ask.
//   2. With a token everybody needs it for everything but the probes, on loopback too: a proxy in front looks
//      like loopback.
//   3. A Host that is a name must be localhost or one of `hosts`. Addresses pass: DNS rebinding needs a name.
//   4. An Origin must be this machine, one of `hosts`, or what Host says: no foreign page asks with the
//      browser of somebody who may.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/http_message.h"

namespace litewright {

struct ListenAddress {
  std::string host = {};  // "127.0.0.1", "::1", "localhost", "0.0.0.0"
  std::uint16_t port = 0;
  bool loopback() const;
};

// "127.0.0.1:7070", "[::1]:7070", "localhost:7070"; port 0: any that is free. Throws Error{kConfig}.
ListenAddress parse_listen_address(std::string_view text);

// The file's first line, without blanks around it. Throws Error{kConfig} where it is missing, shorter than 16
// characters, or others may write it. The token is in no message.
std::string read_token(const std::string& file);

struct AccessRules {
  std::vector<std::string> hosts = {};  // names without a port, besides localhost
  std::string token = {};               // empty: none
};

// Throws Error{kConfig} with a hint where rule 1 is broken.
void require_safe_listening(const ListenAddress& address, const AccessRules& rules);

// The answer to a request whose Host or Origin is not allowed; empty where both are.
std::optional<HttpAnswer> refuse_foreign(const HttpRequest& request, const AccessRules& rules);

// By rules 1 and 2.
bool may_ask(const HttpRequest& request, const AccessRules& rules);
// Whether it carries the token. False where there is none.
bool has_token(const HttpRequest& request, const AccessRules& rules);

// Takes as long for every `given` of one length.
bool same_secret(std::string_view given, std::string_view secret);

}  // namespace litewright
