// Whether what is followed is still what the application opens. People replace a database by hand: with mv,
// with cp over it, with rm of its -wal and -shm. While we are there SQLite does none of that.
#include <fmt/format.h>

#include "archive/follower_session.h"

namespace litewright {

namespace {
constexpr std::chrono::milliseconds kLookAtFile{500};
}

// Commits that go to another file are not seen here, and nothing may be called archived. The next session
// opens what is there then.
void Follower::Session::require_same_file() const {
  const std::string& path = follower.options_.database;
  const MovedFile moved = guard.moved_file();
  if (moved == MovedFile::kDatabase) {
    throw DatabaseMoved(ErrorCode::kNoDatabase,
                        fmt::format("{} was moved, replaced or deleted while it was followed", path),
                        "a restart of the application may be due: it has the old file open as well");
  }
  if (moved == MovedFile::kWal) {
    throw DatabaseMoved(
        ErrorCode::kNoDatabase,
        fmt::format("the -wal or -shm of {} was deleted or replaced while it was followed", path),
        "a restart of the application may be due: what it wrote to the old one is lost but for the archive");
  }
}

// Since all was copied back, nobody had a reason to write the database file: what was committed is still in
// the WAL alone, of this generation or the next one (whose first salt is one more). Under one pin of ours the
// first can't have grown, been copied back and begun anew.
bool Follower::Session::is_unwritten_since(const Untouched& then, const WalIndex& index) const {
  if (same_salt(then.header, index.header)) {
    return index.backfilled <= then.header.max_frame && index.backfill_attempted <= then.header.max_frame;
  }
  return then.pin == pins && index.header.salt[0] == then.header.salt[0] + 1 && index.backfilled.value == 0 &&
         index.backfill_attempted.value == 0;
}

// A new time of its last write is then a copy laid over it.
void Follower::Session::require_untouched_file() {
  const std::string& path = follower.options_.database;
  const auto stamp = stamp_file(path);
  const WalIndex index = guard.index();
  if (untouched && is_unwritten_since(*untouched, index)) {
    if (!stamp || untouched->stamp == *stamp) return;
    followed_file.disown();
    throw DatabaseOverwritten(ErrorCode::kNoDatabase,
                              fmt::format("{} was overwritten while it was followed", path),
                              "stop the application first, then: litewright restore DB --from COPY");
  }
  untouched.reset();
  if (index.backfilled < index.header.max_frame) return;
  if (const auto since = stamp_file(path)) untouched = Untouched{index.header, *since, pins};
}

bool Follower::Session::is_stamped_anew() const {
  return untouched && stamp_file(follower.options_.database) != untouched->stamp;
}

void Follower::Session::look_at_file() {
  const SteadyTime now = follower.clock_.steady();
  if (now - file_looked_at < kLookAtFile || (handover && handover->in_gate())) return;
  file_looked_at = now;
  require_same_file();
  require_untouched_file();
}

// The gate before there is a hand-over. False: somebody writes for longer than we spin.
bool Follower::Session::enter_gate_to_attach() {
  gate_entered = follower.clock_.steady();
  if (follower.events_.gate) follower.events_.gate(true);
  if (guard.enter_gate([] {})) return true;
  if (follower.events_.gate) follower.events_.gate(false);
  return false;
}

}  // namespace litewright
