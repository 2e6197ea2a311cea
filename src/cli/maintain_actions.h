// What `litewright maintain` does, an action each, and what its actions share.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "cli/archive_place.h"
#include "cli/command.h"
#include "maintain/write_turn.h"

namespace litewright {

// Each returns the exit status.
int run_maintain_reindex(const Invocation& invocation);
int run_maintain_orphans(const Invocation& invocation);
int run_maintain_checkpoint(const Invocation& invocation);
int run_maintain_analyze(const Invocation& invocation);
int run_maintain_optimize(const Invocation& invocation);
int run_maintain_vacuum(const Invocation& invocation);
int run_maintain_rows(const Invocation& invocation);
int run_maintain_plan(const Invocation& invocation);
int run_maintain_copies(const Invocation& invocation);

// --wait, and who is in the way where that was not long enough.
WritePatience maintain_patience(const Invocation& invocation, const ArchivePlace& place);

// Of litewright.toml, for this database.
bool in_busy_hours(const Invocation& invocation, const ArchivePlace& place);

std::string seconds_text(std::chrono::duration<double> seconds);

// "database" and "action", the first of every action's document.
nlohmann::ordered_json maintain_document(const ArchivePlace& place, const std::string& action);

// Makes a point to go back to, unless --no-restore-point, and says how: nothing is changed before it is
// there. For what is known to change something, and without a connection to the database (FACTS 7). Throws
// Error{kLocked} as WriteTurn does: no point is made then.
std::string maintain_point_before(const Invocation& invocation, const std::string& purpose);

}  // namespace litewright
