#include "serve/http_access.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>

#include "base/error.h"
#include "base/shell_words.h"

namespace litewright {
namespace {

constexpr std::size_t kShortestToken = 16;
constexpr std::uint64_t kMostTokenBytes = 4096;

std::string in_small_letters(std::string_view text) {
  std::string made(text);
  std::ranges::transform(made, made.begin(), [](unsigned char c) { return std::tolower(c); });
  return made;
}

std::string_view without_blanks_around(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

bool is_address(const std::string& host) {
  in6_addr ignored = {};
  return ::inet_pton(AF_INET, host.c_str(), &ignored) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || (host.starts_with("127.") && is_address(host));
}

// "name:7070", "[::1]:7070", "name" without the port and the brackets; in small letters.
std::string host_of(std::string_view authority) {
  if (authority.starts_with('[')) {
    return in_small_letters(authority.substr(1, std::min(authority.find(']'), authority.size()) - 1));
  }
  std::string host = in_small_letters(authority.substr(0, authority.find(':')));
  if (host.ends_with('.')) host.pop_back();
  return host;
}

bool is_listed(const std::string& host, const AccessRules& rules) {
  const auto same = [&host](const std::string& listed) { return host_of(listed) == host; };
  return std::ranges::any_of(rules.hosts, same);
}

constexpr std::string_view kHostsHint = "[http] hosts in litewright.toml lists the names it answers to";

}  // namespace

bool ListenAddress::loopback() const { return is_loopback(host); }

ListenAddress parse_listen_address(std::string_view text) {
  const auto wrong = [text] {
    return Error(ErrorCode::kConfig, fmt::format("[http] listen \"{}\" is no address with a port", text),
                 "listen = \"127.0.0.1:7070\", \"[::1]:7070\" or \"0.0.0.0:7070\"");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) throw wrong();
  const std::string_view host = text.substr(0, colon), port = text.substr(colon + 1);
  ListenAddress address = {.host = host_of(host)};
  const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (failure != std::errc() || end != port.data() + port.size() || port.empty()) throw wrong();
  const bool bare_colons = host.find(':') != std::string_view::npos && !host.starts_with('[');
  if (bare_colons || (address.host != "localhost" && !is_address(address.host))) throw wrong();
  return address;
}

std::string read_token(const std::string& file) {
  const std::string hint =
      fmt::format("head -c 32 /dev/urandom | base64 > {0}; chmod 600 {0}", shell_quoted(file));
  std::string token;
  try {
    token = read_whole_file(file, kMostTokenBytes);
  } catch (const Error& error) {
    throw Error(ErrorCode::kConfig, fmt::format("[http] token_file: {}", error.what()), hint);
  }
  struct stat status = {};
  if (::stat(file.c_str(), &status) == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    throw Error(ErrorCode::kConfig, fmt::format("[http] token_file: others may write {}", file),
                "chmod go-w " + shell_quoted(file));
  }
  token = without_blanks_around(std::string_view(token).substr(0, token.find_first_of("\r\n")));
  if (token.size() < kShortestToken) {
    throw Error(ErrorCode::kConfig,
                fmt::format("[http] token_file: {} holds a token of {} characters, at least {} are needed",
                            file, token.size(), kShortestToken),
                hint);
  }
  return token;
}

void require_safe_listening(const ListenAddress& address, const AccessRules& rules) {
  if (address.loopback() || !rules.token.empty()) return;
  throw Error(ErrorCode::kConfig,
              fmt::format("[http] listen: {} can be reached from other machines, and there is no token",
                          address.host),
              "set [http] token_file, or listen = \"127.0.0.1:7070\"");
}

std::optional<HttpAnswer> refuse_foreign(const HttpRequest& request, const AccessRules& rules) {
  const std::string host = host_of(request.header("host"));
  if (!host.empty() && host != "localhost" && !is_address(host) && !is_listed(host, rules))
    return problem(403, fmt::format("Host {} is not served here", host), std::string(kHostsHint));
  if (!request.headers.contains("origin")) return std::nullopt;
  const std::string_view origin = request.header("origin");
  const std::size_t slashes = origin.find("://");
  const std::string from = slashes == std::string_view::npos ? "" : host_of(origin.substr(slashes + 3));
  if (!from.empty() && (is_loopback(from) || from == host || is_listed(from, rules))) return std::nullopt;
  return problem(403, fmt::format("pages of {} may not ask here", origin), std::string(kHostsHint));
}

bool has_token(const HttpRequest& request, const AccessRules& rules) {
  constexpr std::string_view kScheme = "bearer ";
  const std::string_view given = request.header("authorization");
  if (rules.token.empty() || given.size() < kScheme.size()) return false;
  if (in_small_letters(given.substr(0, kScheme.size())) != kScheme) return false;
  return same_secret(without_blanks_around(given.substr(kScheme.size())), rules.token);
}

bool may_ask(const HttpRequest& request, const AccessRules& rules) {
  return rules.token.empty() ? request.from_loopback : has_token(request, rules);
}

bool same_secret(std::string_view given, std::string_view secret) {
  if (secret.empty()) return false;
  unsigned difference = given.size() == secret.size() ? 0 : 1;
  for (std::size_t at = 0; at < given.size(); ++at) {
    difference |=
        static_cast<unsigned char>(given[at]) ^ static_cast<unsigned char>(secret[at % secret.size()]);
  }
  return difference == 0;
}

}  // namespace litewright
