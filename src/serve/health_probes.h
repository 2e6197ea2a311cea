// The probes: what Kubernetes, load balancers and the runbooks ask. They look at the board alone, so none of
// them ever waits for a database; /health/live does not even look there.
//
//   /health/live, /health/ready, /health/startup   200, or 503; {"status": "pass"|"warn"|"fail", …}
//   /api/health/ready   {"status": "ok"|"fail", "exists", "writable", "path", …}, of ?db=NAME, else the worst
//   /health             {"status": "healthy"|"unhealthy", "database": "connected"|"disconnected"}
// Each is application/health+json where the Accept header or ?format=health+json asks for it. A warning is
// 200, a critical finding 503: severities are those of `litewright check`. Who has not shown a token that is
// needed is told the status alone. Until the daemon knows its databases all but the first are 503, with a
// `reason`.
#pragma once

#include <vector>

#include "serve/http_routes.h"
#include "serve/status_board.h"

namespace litewright {

// Borrows the board.
std::vector<HttpRoute> probe_routes(const StatusBoard& board);

}  // namespace litewright
