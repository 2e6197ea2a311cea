// Litewright's own state on this machine: sockets and caches. Losing it loses nothing but time.
#pragma once

#include <string>

#include "base/environment.h"

namespace litewright {

// $LITEWRIGHT_STATE, else /var/lib/litewright for root, else $XDG_STATE_HOME/litewright or
// ~/.local/state/litewright; where that can't be made, /tmp/litewright-UID. Made with mode 0700 where it is
// missing; throws Error{kCantCreate}.
std::string state_folder(const Environment& environment);

}  // namespace litewright
