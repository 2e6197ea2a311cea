// The daemon's door: probes, /metrics and the JSON API over HTTP, put together from the board and a few
// functions. What `cli/serve.cc` makes:
//
//   WebService web({.settings = configuration.http, .state_folder = …, .version = …}, board, clock,
//                  run_own_command, start_job);
//   web.address()   to print
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "config/configuration.h"
#include "serve/api_routes.h"
#include "serve/http_server_linux.h"
#include "serve/own_command.h"
#include "serve/status_board.h"

namespace litewright {

struct WebOptions {
  HttpSettings settings = {};
  std::string state_folder = {};  // Litewright's own: the run history, room for restores that are asked for
  std::string version = {};
  HttpLimits limits = {};
};

// Throws Error{kConfig} for settings under which it would not be safe, or can't be, listened: also what
// `serve --check-config` asks.
AccessRules access_rules(const HttpSettings& settings);

class WebService {
 public:
  // Borrows board and clock. Answers when the constructor returns. Throws Error{kConfig} as access_rules()
  // and HttpServer do.
  WebService(const WebOptions& options, const StatusBoard& board, const Clock& clock,
             RunOwnCommand run_own_command, StartJob start_job);
  ~WebService();
  WebService(const WebService&) = delete;
  WebService& operator=(const WebService&) = delete;

  // Its hosts and the token that its file holds now; nothing where it would listen elsewhere, which takes a
  // new one. Throws as access_rules().
  void use(const HttpSettings& settings);

  std::string address() const;  // "http://127.0.0.1:7070"
  void close_door();            // as HttpServer::close_door()

 private:
  WebActions actions_with(RunOwnCommand run_own_command, StartJob start_job);
  std::string metrics() const;

  const WebOptions options_;
  ApiContext context_;
  std::unique_ptr<HttpRoutes> routes_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace litewright
