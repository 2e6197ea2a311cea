// The decoder: what the byte ranges that one process holds mean to SQLite (format/lock_bytes.h).
#pragma once

#include <vector>

#include "format/lock_bytes.h"
#include "locks/lock_facts.h"
#include "locks/lock_history.h"

namespace litewright {

struct DecodedLocks {
  MainFileLocks main_file = {};
  WalIndexLocks wal_index = {};
  bool has_main_file_open = false;
  // To write in, as SQLite opens them. Who has them for reading alone looks on from outside, without locks.
  bool has_wal_index_open = false;
  bool has_journal_open = false;
};

// False: it has none of the database's files open for writing, so it neither commits nor checkpoints.
bool may_write(const FileHolder& process);

DecodedLocks decode_locks(const LockFacts& facts, const ProcessFacts& process);

// True where SQLite has the database open in that process but the locks that go with it are gone (FACTS 7):
// in WAL mode -shm is open without SHARED or DMS; with a journal, that of a transaction is open without
// RESERVED. One sample may catch a process that is just opening or closing.
bool has_lost_locks(const LockFacts& facts, const DecodedLocks& locks);

// The snapshots that it reads, as frames; READ0 is frame 0. A mark at which a checkpointer is at work is
// none.
std::vector<std::uint32_t> snapshots(const LockFacts& facts, const DecodedLocks& locks);

// Every lock of it that can stand in somebody's way, with what must stand still for it to be the same one.
std::vector<HeldKey> held_keys(const LockFacts& facts, const ProcessFacts& process);

}  // namespace litewright
