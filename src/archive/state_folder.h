// Litewright's own state on this machine: sockets and caches. Losing it loses nothing but time.
#pragma once

#include <string>

#include "base/environment.h"

namespace litewright {

// $LITEWRIGHT_STATE; where that is not set, /var/lib/litewright for root, else $XDG_STATE_HOME/litewright or
// ~/.local/state/litewright; where that can't be made, /tmp/litewright-UID. Made with mode 0700 where it is
// missing. Throws Error{kCantCreate}: where one is named it is that or none.
std::string state_folder(const Environment& environment);

// Throws Error{kCantCreate} where `folder` is not one that could be used, or made: it is no folder, or
// another user's, or may not be written. A link (of ours or root's) is as good as where it leads. Makes
// nothing.
void require_state_folder(const std::string& folder);

}  // namespace litewright
