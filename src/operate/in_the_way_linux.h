// Who is in the way of something, looked at by a child process: in a process that has the database open
// nobody may open and close its files (FACTS 7). Linux.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/finding.h"
#include "locks/locks.h"

namespace litewright {

// `display`: how the database was named. This process and our own followers are left out. Empty where nobody
// was seen or nobody could look: an answer to "why not", never a reason to fail.
std::vector<Finding> look_who_is_in_the_way(const std::string& path, const std::string& display,
                                            LockWish wish);

// "process 4711 (python3 app.py) holds the write lock; process …": for a message; "" where nobody was seen.
std::string in_the_way_text(const std::vector<Finding>& findings);

// Both, as WritePatience asks.
std::function<std::string()> asks_who_is_in_the_way(const std::string& path, const std::string& display,
                                                    LockWish wish);

}  // namespace litewright
