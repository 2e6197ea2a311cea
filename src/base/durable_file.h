// The one helper for durable writes: a temporary name beside the target, write, fsync, rename, fsync of the
// folder. Whoever reads the target sees the old content or the whole new one, after a power cut too.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/file_descriptor.h"
#include "base/types.h"

namespace litewright {

// What commit() does with a target that exists.
enum class OnExisting { kReplace, kFailIfExists };

// A file on its way to its name. Invariants:
//   1. until commit() renames, the target is as it was;
//   2. destroyed without commit(), it leaves nothing; killed, it leaves `.NAME.litewright-tmp-PID-N`, which
//      remove_abandoned_temporaries() finds by the missing flock;
//   3. after a failed fsync it never becomes durable: the kernel may have dropped the dirty pages, so another
//      fsync could succeed without them. commit() then throws for good.
// For one thread at a time. Errors by error_from_errno, but Error{kCantCreate} where the folder is missing or
// (kFailIfExists) the target exists.
class DurableFile {
 public:
  explicit DurableFile(std::filesystem::path target, mode_t mode = 0600);
  ~DurableFile();
  DurableFile(DurableFile&&) = delete;
  DurableFile& operator=(DurableFile&&) = delete;

  // For reading back and for writes of one's own; belongs to this object.
  int fd() const { return file_.get(); }
  const std::filesystem::path& target() const { return target_; }
  const std::filesystem::path& temporary() const { return temporary_; }
  // Bytes up to the highest one written through append() and pwrite().
  std::uint64_t size() const { return size_; }

  // Writes after the highest byte written so far.
  void append(Bytes data);
  // Writes at `offset`; a gap before it reads as zeros.
  void pwrite(Bytes data, std::uint64_t offset);

  // Durable and visible when it returns; the descriptor is closed. Once only. Where it throws, the target is
  // as it was, with one exception: under kReplace a failed fsync of the folder leaves the new content in
  // place, its durability unknown.
  void commit(OnExisting on_existing);

 private:
  void publish(OnExisting on_existing);

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  FileDescriptor file_;
  std::uint64_t size_ = 0;
  bool commit_tried_ = false;
  bool published_ = false;
};

// fsync of a folder: makes the names in it durable.
void sync_folder(const std::filesystem::path& folder);

// The whole of a small file, durably, replacing what was there.
void write_file_durably(const std::filesystem::path& path, Bytes content, mode_t mode = 0600);

// Removes the temporaries in `folder` (not below it) whose writer was killed; returns how many. Those of
// living writers stay: they hold a flock.
std::size_t remove_abandoned_temporaries(const std::filesystem::path& folder);

}  // namespace litewright
