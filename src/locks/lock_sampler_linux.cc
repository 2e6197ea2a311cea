#include "locks/lock_sampler_linux.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "format/lock_bytes.h"

namespace litewright {

namespace fs = std::filesystem;

namespace {

// Quick samples rest on the descriptors seen last; a process that came to hold none is unknown so long.
constexpr std::chrono::seconds kLookAgainAfter{5};
constexpr int kTornIndexReads = 20;

struct ProbedRange {
  std::uint64_t first;
  std::uint64_t bytes;
};
constexpr std::array<ProbedRange, 3> kMainFileRanges = {
    {{kPendingLockByte, 1}, {kReservedLockByte, 1}, {kSharedLockFirstByte, kSharedLockBytes}}};
constexpr std::uint64_t kWalIndexLockBytes = kWalDeadManSwitchByte - kWalWriteLockByte + 1;

// The lock in the way of an exclusive one on that range, if its holder has no pid here (FACTS 6). One that
// a process with a pid shares with it hides it.
std::optional<HeldLock> outside_lock(int fd, ProbedRange range) {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(range.first);
  lock.l_len = static_cast<off_t>(range.bytes);
  if (::fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK || lock.l_pid != 0) return std::nullopt;
  HeldLock held = {.mode = lock.l_type == F_RDLCK ? HeldLock::Mode::kRead : HeldLock::Mode::kWrite,
                   .first = static_cast<std::uint64_t>(lock.l_start)};
  if (lock.l_len != 0) held.last = held.first + static_cast<std::uint64_t>(lock.l_len) - 1;
  return held;
}

void add_lock(FileHolder& outside, const fs::path& path, const HeldLock& lock) {
  auto file = std::ranges::find(outside.files, path, &HeldFile::file);
  if (file == outside.files.end()) {
    file = outside.files.insert(outside.files.end(), HeldFile{.file = path, .open = false});
  }
  if (std::ranges::find(file->locks, lock) == file->locks.end()) file->locks.push_back(lock);
}

}  // namespace

LinuxLockSampler::LinuxLockSampler(const fs::path& database, const Clock& clock) : clock_(clock) {
  std::error_code failure;
  database_ = fs::canonical(database, failure);
  if (failure) throw error_from_errno(failure.value(), "look at " + database.string());
  files_ = database_files(database_);
}

void LinuxLockSampler::follow_name(WatchedFile& watched, const fs::path& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) {
    watched = {};
    return;
  }
  if (watched.descriptor && watched.device == status.st_dev && watched.inode == status.st_ino) return;
  watched.descriptor.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  watched.device = status.st_dev;
  watched.inode = status.st_ino;
}

void LinuxLockSampler::look_into_processes() {
  known_ = processes_.who_has_open(files_, OwnProcess::kExclude);
  looked_ = true;
  looked_at_ = clock_.steady();
  libraries_.keep_only(known_.holders);
}

void LinuxLockSampler::add_outside_holders(FileHolders& holders) const {
  FileHolder outside;
  if (main_.descriptor) {
    for (const ProbedRange range : kMainFileRanges) {
      if (const auto lock = outside_lock(main_.descriptor.get(), range)) add_lock(outside, files_[0], *lock);
    }
  }
  if (wal_index_.descriptor) {
    for (std::uint64_t i = 0; i < kWalIndexLockBytes; ++i) {
      const auto lock = outside_lock(wal_index_.descriptor.get(), {kWalWriteLockByte + i, 1});
      if (lock) add_lock(outside, files_[2], *lock);
    }
  }
  if (outside.files.empty()) return;
  std::erase_if(holders.holders, [](const FileHolder& holder) { return holder.pid == 0; });
  holders.holders.insert(holders.holders.begin(), std::move(outside));
}

void LinuxLockSampler::read_files(LockFacts& facts) {
  struct stat status = {};
  if (::stat(files_[1].c_str(), &status) == 0) facts.wal_bytes = static_cast<std::uint64_t>(status.st_size);
  facts.has_wal_index_file = ::stat(files_[2].c_str(), &status) == 0;
  if (main_.descriptor) {
    std::array<std::byte, kDatabaseHeaderBytes> header{};
    if (pread_fully(main_.descriptor.get(), header, 0, database_.string()) == header.size()) {
      if (const auto parsed = parse_database_header(header)) facts.header = *parsed;
    }
  }
  for (int reads = 0; wal_index_.descriptor && !facts.wal_index && reads < kTornIndexReads; ++reads) {
    WalIndexHead head{};
    if (pread_fully(wal_index_.descriptor.get(), head, 0, files_[2].string()) != head.size()) break;
    if (const auto parsed = read_wal_index(head)) facts.wal_index = *parsed;
  }
  if (const FileDescriptor journal(::open(files_[3].c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)); journal) {
    std::array<std::byte, kJournalHeaderBytes> beginning{};
    const std::size_t got = pread_fully(journal.get(), beginning, 0, files_[3].string());
    facts.journal = journal_heat(Bytes(beginning).first(got));
  }
}

LockFacts LinuxLockSampler::sample(Depth depth) {
  follow_name(main_, files_[0]);
  follow_name(wal_index_, files_[2]);
  const bool whole = depth == Depth::kWhole || !looked_ || clock_.steady() - looked_at_ >= kLookAgainAfter ||
                     !processes_.refresh_locks(files_, known_);
  if (whole) look_into_processes();
  LockFacts facts = {.wall = clock_.wall(),
                     .steady = clock_.steady(),
                     .whole = whole,
                     .database = database_,
                     .unseen_processes = known_.unseen_processes};
  read_files(facts);
  FileHolders holders = known_;
  add_outside_holders(holders);
  for (FileHolder& holder : holders.holders) {
    ProcessFacts process = {.libraries = libraries_.libraries_of(holder)};
    process.process = std::move(holder);
    facts.processes.push_back(std::move(process));
  }
  for (const FileHolder& stale : known_.stale) {
    auto process = std::ranges::find(facts.processes, stale.pid,
                                     [](const ProcessFacts& known) { return known.process.pid; });
    if (process == facts.processes.end()) {
      process = facts.processes.insert(process, ProcessFacts{.libraries = libraries_.libraries_of(stale)});
      process->process = stale;
      process->process.files.clear();
    }
    for (const HeldFile& file : stale.files) process->stale_files.push_back(file.file);
  }
  return facts;
}

}  // namespace litewright
