#include "store/directory_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <span>

#include "base/error.h"
#include "store/folder_walk.h"
#include "store/object_name.h"

namespace litewright {

namespace {

constexpr int kMaxAttempts = 8;  // at a temporary's or the lock's name
// Written data is handed to the disk in pieces of this size, so that the fsync at the end has little to wait
// for.
constexpr std::uint64_t kWritebackBytes = 8 << 20;

bool is_temporary(const std::string& name) { return name.starts_with('~') && name.ends_with(".tmp"); }

std::string temporary_name() {
  std::uint64_t random = 0;
  if (getrandom(&random, sizeof random, 0) != sizeof random)
    throw error_from_errno(errno, "get random bytes");
  return fmt::format("~{:016x}.tmp", random);
}

void write_all(int fd, Bytes data, const std::string& what) {
  while (!data.empty()) {
    const ssize_t count = ::write(fd, data.data(), data.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw error_from_errno(errno, "write " + what);
    data = data.subspan(static_cast<std::size_t>(count));
  }
}

// An object that is being written under a temporary name, which goes when this goes.
// Invariant: the temporary is ours, linked, and flocked by us until it was published or unlinked.
class Temporary {
 public:
  Temporary(const Descriptor& top, const std::string& root, std::string_view name)
      : parts_(object_name_parts(name)), described_(root + "/" + std::string(name)) {
    folder_ = make_folder(top.get(), std::span(parts_).first(parts_.size() - 1), root);
    for (int attempt = 0; attempt < kMaxAttempts && !file_; ++attempt) try_make();
    if (!file_) throw Error(ErrorCode::kIo, "no temporary name was left in the folder of " + described_);
  }
  ~Temporary() {
    if (!published_) unlinkat(folder_.get(), temporary_.c_str(), 0);
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  void append(Bytes data) {
    write_all(file_.get(), data, described_);
    written_ += data.size();
    if (written_ - handed_over_ < kWritebackBytes) return;
    // A hint only: its failure, if any, shows at the fsync.
    sync_file_range(file_.get(), static_cast<off64_t>(handed_over_),
                    static_cast<off64_t>(written_ - handed_over_), SYNC_FILE_RANGE_WRITE);
    handed_over_ = written_;
  }

  enum class IfThere { kRefuse, kReplace };
  void publish(IfThere if_there) {
    fsync_or_throw(file_.get(), described_);
    const std::string& name = parts_.back();
    if (if_there == IfThere::kReplace) {
      if (renameat(folder_.get(), temporary_.c_str(), folder_.get(), name.c_str()) != 0) {
        throw error_from_errno(errno, "replace " + described_);
      }
      published_ = true;
      fsync_or_throw(folder_.get(), "the folder of " + described_);
      return;
    }
    rename_without_replacing(name);
    published_ = true;
    if (fsync(folder_.get()) == 0) return;
    const int error = errno;
    unlinkat(folder_.get(), name.c_str(), 0);  // not known to be durable: then it must not be there
    throw error_from_errno(error, "fsync the folder of " + described_);
  }

 private:
  // Leaves file_ empty where the name is taken, or where a holder's cleaning came between open and flock.
  void try_make() {
    temporary_ = temporary_name();
    const int fd =
        openat(folder_.get(), temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == EEXIST) return;
    if (fd < 0) throw error_from_errno(errno, "create " + described_);
    Descriptor made(fd);
    struct stat about{};
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &about) != 0 || about.st_nlink == 0) return;
    file_ = std::move(made);
  }

  void rename_without_replacing(const std::string& name) {
    const int folder = folder_.get();
    int result = renameat2(folder, temporary_.c_str(), folder, name.c_str(), RENAME_NOREPLACE);
    if (result != 0 && (errno == EINVAL || errno == ENOSYS)) {  // a file system without it
      result = linkat(folder, temporary_.c_str(), folder, name.c_str(), 0);
      if (result == 0) unlinkat(folder, temporary_.c_str(), 0);
    }
    if (result == 0) return;
    if (errno == EEXIST) throw Error(ErrorCode::kLocked, described_ + " exists already");
    throw error_from_errno(errno, "publish " + described_);
  }

  std::vector<std::string> parts_;
  std::string described_;
  Descriptor folder_;
  std::string temporary_;
  Descriptor file_;
  std::uint64_t written_ = 0;
  std::uint64_t handed_over_ = 0;
  bool published_ = false;
};

class DirectoryWriter final : public ObjectWriter {
 public:
  DirectoryWriter(const Descriptor& top, const std::string& root, std::string_view name)
      : file_(top, root, name) {}
  void append(Bytes data) override {
    // After a failed write its bytes may be there in part: nothing may follow them.
    if (failed_) throw Error(ErrorCode::kIo, "an earlier write to this object failed");
    failed_ = true;
    file_.append(data);
    failed_ = false;
  }
  void commit() override {
    if (failed_) throw Error(ErrorCode::kIo, "an earlier write to this object failed");
    failed_ = true;  // whatever comes of it, this writer is done
    file_.publish(Temporary::IfThere::kRefuse);
  }

 private:
  Temporary file_;
  bool failed_ = false;
};

// Opened part by part below the root; throws where there is no such object.
Descriptor open_object(const Descriptor& top, const std::string& root, std::span<const std::string> parts,
                       const std::string& described) {
  const Error absent(ErrorCode::kNoDatabase, "there is no " + described);
  if (!top) throw absent;
  const Descriptor folder = open_folder(top.get(), parts.first(parts.size() - 1), root);
  if (!folder) throw absent;
  // O_NONBLOCK: a FIFO must not hold us up.
  Descriptor file(openat(folder.get(), parts.back().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file && errno == ENOENT) throw absent;
  if (!file && errno == ELOOP) {
    throw Error(ErrorCode::kPermission, described + " is a symbolic link, which is not followed");
  }
  if (!file) throw error_from_errno(errno, "open " + described);
  return file;
}

struct stat status_of(const Descriptor& file, const std::string& described) {
  struct stat about{};
  if (fstat(file.get(), &about) != 0) throw error_from_errno(errno, "stat " + described);
  if (!S_ISREG(about.st_mode)) throw Error(ErrorCode::kDamaged, described + " is not a regular file");
  return about;
}

// One of the readers that keep their descriptor, or none of them.
class KeptOpen {
 public:
  explicit KeptOpen(std::shared_ptr<std::atomic<std::size_t>> count) : count_(std::move(count)) {
    if (count_->fetch_add(1) < DirectoryStore::kReadersKeptOpen) return;
    count_->fetch_sub(1);
    count_.reset();
  }
  KeptOpen(const KeptOpen&) = delete;
  KeptOpen& operator=(const KeptOpen&) = delete;
  ~KeptOpen() {
    if (count_) count_->fetch_sub(1);
  }
  explicit operator bool() const { return count_ != nullptr; }

 private:
  std::shared_ptr<std::atomic<std::size_t>> count_;
};

// Of more than kReadersKeptOpen at a time the later ones open their object anew for each read: the same file,
// or it is an error.
class DirectoryReader final : public ObjectReader {
 public:
  using Opener = std::function<Descriptor()>;

  DirectoryReader(Opener opener, std::shared_ptr<std::atomic<std::size_t>> readers, std::string described)
      : opener_(std::move(opener)), kept_(std::move(readers)), described_(std::move(described)) {
    Descriptor file = opener_();
    const struct stat about = status_of(file, described_);
    size_ = static_cast<std::uint64_t>(about.st_size);
    device_ = about.st_dev;
    inode_ = about.st_ino;
    if (kept_) file_ = std::move(file);
  }

  std::uint64_t size() const override { return size_; }

  void read(std::uint64_t offset, MutableBytes out) const override {
    if (offset > size_ || out.size() > size_ - offset) {
      throw Error(ErrorCode::kDamaged, fmt::format("{} ends at byte {}, wanted {} bytes from {}", described_,
                                                   size_, out.size(), offset));
    }
    const Descriptor again = kept_ ? Descriptor() : open_again();
    const int file = kept_ ? file_.get() : again.get();
    while (!out.empty()) {
      const ssize_t count = pread(file, out.data(), out.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw error_from_errno(errno, "read " + described_);
      if (count == 0) throw Error(ErrorCode::kDamaged, described_ + " was cut short while it was read");
      offset += static_cast<std::uint64_t>(count);
      out = out.subspan(static_cast<std::size_t>(count));
    }
  }

 private:
  Descriptor open_again() const {
    Descriptor file = opener_();
    const struct stat about = status_of(file, described_);
    if (about.st_dev != device_ || about.st_ino != inode_)
      throw Error(ErrorCode::kDamaged, described_ + " was replaced while it was read");
    return file;
  }

  Opener opener_;
  KeptOpen kept_;
  Descriptor file_;
  std::uint64_t size_ = 0;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::string described_;
};

// Removes the temporaries that no living writer has flocked.
void remove_leftovers(int root) {
  walk_files(root, "", [](int folder, const std::string& name, const std::string&) {
    if (!is_temporary(name)) return;
    const Descriptor file(openat(folder, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (file && flock(file.get(), LOCK_EX | LOCK_NB) == 0) unlinkat(folder, name.c_str(), 0);
  });
}

// The lock file, flocked; none where somebody else has it.
Descriptor lock_root(int root, const std::string& described) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    Descriptor lock(openat(root, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
    // A flock needs no right to write: a read-only archive can be held, and its owner elsewhere is met.
    if (!lock && (errno == EROFS || errno == EACCES)) {
      const int denied = errno;
      lock = Descriptor(openat(root, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
      if (!lock) errno = denied;
    }
    if (!lock) throw error_from_errno(errno, "open " + described + "/lock");
    if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return Descriptor();
      throw error_from_errno(errno, "lock " + described + "/lock");
    }
    // Somebody may have deleted the file before we locked it: then the next comer would lock another.
    struct stat locked{};
    struct stat named{};
    if (fstat(lock.get(), &locked) == 0 && fstatat(root, "lock", &named, AT_SYMLINK_NOFOLLOW) == 0 &&
        locked.st_ino == named.st_ino && locked.st_dev == named.st_dev) {
      return lock;
    }
  }
  throw Error(ErrorCode::kLocked, described + "/lock is being replaced again and again");
}

// A file beyond doubt: a disk that was unmounted and mounted again shows the same numbers, without our flock.
struct FileId {
  std::uint64_t device = 0, inode = 0, mount = 0;
  bool operator==(const FileId&) const = default;
};

std::optional<FileId> file_id(int folder, const char* name) {
  struct statx about{};
  if (statx(folder, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_MNT_ID, &about) != 0)
    return std::nullopt;
  const bool knows_mount = (about.stx_mask & STATX_MNT_ID) != 0;
  return FileId{(std::uint64_t{about.stx_dev_major} << 32) | about.stx_dev_minor, about.stx_ino,
                knows_mount ? about.stx_mnt_id : 0};
}

}  // namespace

struct DirectoryStore::HeldPlace {
  std::string root;
  mutable std::mutex mutex;
  Descriptor lock;  // flocked
  FileId id;

  bool is_at(const Descriptor& top) const {
    const std::lock_guard guard(mutex);
    return top && file_id(top.get(), "lock") == id;
  }
};

namespace {

class DirectoryHold final : public ObjectStore::Hold {
 public:
  explicit DirectoryHold(std::shared_ptr<DirectoryStore::HeldPlace> place) : place_(std::move(place)) {}

  bool still_there() const override { return place_->is_at(open_root(place_->root)); }

  void renew() override {
    const Descriptor top = open_root(place_->root);
    const auto there = top ? file_id(top.get(), "lock") : std::nullopt;
    if (!there) {
      throw Error(ErrorCode::kStoreUnreachable, place_->root + ": the archive that was here is gone",
                  "is its disk mounted?");
    }
    const std::lock_guard guard(place_->mutex);
    // The same file through another mount is still flocked by us: a second flock would wait for the first.
    const bool same = there->device == place_->id.device && there->inode == place_->id.inode;
    Descriptor lock = same ? Descriptor() : lock_root(top.get(), place_->root);
    if (!same && !lock)
      throw Error(ErrorCode::kLocked, place_->root + ": another archiver has taken this archive");
    if (lock) place_->lock = std::move(lock);
    place_->id = *there;
  }

 private:
  std::shared_ptr<DirectoryStore::HeldPlace> place_;
};

}  // namespace

DirectoryStore::DirectoryStore(std::string root) : root_(std::move(root)) {
  if (root_.empty()) throw Error(ErrorCode::kUsage, "an archive's folder needs a name");
}

std::vector<ObjectInfo> DirectoryStore::list(std::string_view prefix) const {
  std::vector<ObjectInfo> found;
  const Descriptor top = root_to_read();
  if (!top) return found;
  // Only the folder that the prefix names is read.
  std::vector<std::string> parts;
  const auto slash = prefix.rfind('/');
  const std::string folder(prefix.substr(0, slash == std::string_view::npos ? 0 : slash));
  if (slash != std::string_view::npos) {
    if (!valid_object_name(folder)) return found;
    parts = object_name_parts(folder);
  }
  const Descriptor start = open_folder(top.get(), parts, root_);
  if (!start) return found;
  walk_files(start.get(), folder, [&](int in, const std::string& name, const std::string& path) {
    struct stat about{};
    if (!path.starts_with(prefix) || !valid_object_name(path)) return;
    if (fstatat(in, name.c_str(), &about, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(about.st_mode)) return;
    found.push_back({path, static_cast<std::uint64_t>(about.st_size)});
  });
  std::ranges::sort(found, {}, &ObjectInfo::name);
  return found;
}

std::unique_ptr<ObjectWriter> DirectoryStore::create(std::string_view name) {
  return std::make_unique<DirectoryWriter>(root_to_write(), root_, name);
}

std::unique_ptr<ObjectReader> DirectoryStore::open(std::string_view name) const {
  std::string described = root_ + "/" + std::string(name);
  auto opener = [this, parts = object_name_parts(name), described] {
    return open_object(root_to_read(), root_, parts, described);
  };
  return std::make_unique<DirectoryReader>(std::move(opener), readers_, std::move(described));
}

void DirectoryStore::replace(std::string_view name, Bytes content) {
  Temporary file(root_to_write(), root_, name);
  file.append(content);
  file.publish(Temporary::IfThere::kReplace);
}

void DirectoryStore::remove(std::string_view name) {
  const auto parts = object_name_parts(name);
  const Descriptor top = root_to_read();
  if (!top) return;
  const Descriptor folder = open_folder(top.get(), std::span(parts).first(parts.size() - 1), root_);
  if (!folder) return;
  if (unlinkat(folder.get(), parts.back().c_str(), 0) != 0 && errno != ENOENT) {
    throw error_from_errno(errno, "remove " + root_ + "/" + std::string(name));
  }
  // Where it was absent too: an earlier removal may have failed at just this step.
  fsync_or_throw(folder.get(), "the folder of " + root_ + "/" + std::string(name));
}

std::unique_ptr<ObjectStore::Hold> DirectoryStore::try_hold() {
  const Descriptor top = make_root(root_);
  Descriptor lock = lock_root(top.get(), root_);
  if (!lock) return nullptr;
  remove_leftovers(top.get());
  const auto id = file_id(top.get(), "lock");
  if (!id) throw Error(ErrorCode::kStoreUnreachable, root_ + "/lock vanished while it was taken");
  auto place = std::make_shared<HeldPlace>();
  place->root = root_;
  place->lock = std::move(lock);
  place->id = *id;
  {
    const std::lock_guard guard(mutex_);
    held_ = place;
  }
  return std::make_unique<DirectoryHold>(std::move(place));
}

Descriptor DirectoryStore::root_to_read() const {
  Descriptor top = open_root(root_);
  std::shared_ptr<HeldPlace> held;
  {
    const std::lock_guard guard(mutex_);
    held = held_.lock();
  }
  if (held && !held->is_at(top)) {
    throw Error(
        ErrorCode::kStoreUnreachable,
        root_ + (top ? ": this is not the archive's folder any more" : ": the archive's folder is gone"),
        "was its disk unmounted, or the folder renamed? it is taken up again when it is back");
  }
  return top;
}

Descriptor DirectoryStore::root_to_write() const {
  Descriptor top = root_to_read();
  return top ? std::move(top) : make_root(root_);
}

}  // namespace litewright
