#include "store/spooling_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace litewright {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds kThreadStays{1'000};  // with nothing to do
constexpr std::size_t kCopyBytes = 1 << 20;
constexpr std::size_t kProbeBytes = 256 << 10;  // a disk that has less room than that is full

constexpr std::uint64_t kBlockBytes = 4096;  // what a file takes is a multiple of it

std::uint64_t on_disk(std::uint64_t bytes) { return (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes; }

}  // namespace

// An object that the far store does not have yet. `content` is there until it is in the near store.
struct SpoolingStore::Entry {
  std::string name;
  std::uint64_t size = 0;
  std::vector<std::byte> content = {};
  bool near = false;  // durable there
  bool under_way = false;
  bool in_far = false;   // from before its arrival is told: who listens first and then looks misses nothing
  bool arrived = false;  // and told
  std::optional<Error> failure = {};
};

class SpoolingStore::Writer final : public ObjectWriter {
 public:
  Writer(SpoolingStore& store, std::string_view name) : store_(store), name_(name) {}
  ~Writer() override {
    near_or_far_.reset();
    if (!committed_ && reserved_ > 0) store_.give_back(reserved_);
  }

  void append(Bytes data) override {
    size_ += data.size();
    if (!near_or_far_ && buffer_.size() + data.size() <= kBufferedBytes) {
      buffer_.insert(buffer_.end(), data.begin(), data.end());
      return;
    }
    if (!near_or_far_) begin_streaming();
    pass_on(data);
  }

  void commit() override {
    if (!near_or_far_) {
      committed_ = true;
      return store_.keep(name_, std::move(buffer_));
    }
    guarded([this] { near_or_far_->commit(); });
    committed_ = true;
    if (straight_) return store_.arrived(name_, size_);
    store_.took_near(name_, size_);
  }

 private:
  void begin_streaming() {
    {
      const std::lock_guard lock(store_.mutex_);
      store_.check_locked();
      straight_ = store_.straight_locked();
    }
    guarded([this] { near_or_far_ = (straight_ ? store_.far_ : store_.near_).create(name_); });
    pass_on(buffer_);
    buffer_ = {};
  }

  void pass_on(Bytes data) {
    if (!straight_) {
      std::unique_lock lock(store_.mutex_);
      store_.reserve(lock, data.size());
      reserved_ += data.size();
    }
    guarded([&] { near_or_far_->append(data); });
  }

  // What fails at the far store is its trouble; the object is to be written again, and goes to the near one.
  template <typename Act>
  void guarded(Act act) {
    try {
      act();
    } catch (const Error& error) {
      if (straight_) {
        std::unique_lock lock(store_.mutex_);
        store_.note_trouble(lock, error);
      }
      throw;
    }
  }

  SpoolingStore& store_;
  std::string name_;
  std::vector<std::byte> buffer_;
  std::unique_ptr<ObjectWriter> near_or_far_;
  std::uint64_t size_ = 0, reserved_ = 0;
  bool straight_ = false, committed_ = false;
};

SpoolingStore::SpoolingStore(ObjectStore& far, ObjectStore& near, SpoolOptions options,
                             std::function<void(const SpoolStatus&)> changed)
    : far_(far), near_(near), options_(std::move(options)), told_(std::move(changed)) {
  for (const ObjectInfo& object : near_.list(options_.prefix)) {
    waiting_.push_back(
        std::make_shared<Entry>(Entry{.name = object.name, .size = object.size, .near = true}));
    used_ += on_disk(object.size);
  }
}

SpoolingStore::~SpoolingStore() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void SpoolingStore::start() {
  const std::lock_guard lock(mutex_);
  started_ = true;
  changed_locked();
}

bool SpoolingStore::work_is_due_locked() const { return !lost_ && (trouble_ || !waiting_.empty()); }

void SpoolingStore::changed_locked() {
  if (started_ && !stopping_ && work_is_due_locked()) thread_.begin([this] { run(); });
  changed_.notify_all();
}

std::vector<ObjectInfo> SpoolingStore::waiting() const {
  const std::lock_guard lock(mutex_);
  std::vector<ObjectInfo> objects;
  for (const EntryPtr& entry : waiting_) {
    if (entry->near && !entry->in_far) objects.push_back({entry->name, entry->size});
  }
  return objects;
}

std::size_t SpoolingStore::waiting_count() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

void SpoolingStore::discard(std::string_view name) {
  near_.remove(name);
  const std::lock_guard lock(mutex_);
  std::erase_if(waiting_, [&](const EntryPtr& entry) {
    if (entry->name != name) return false;
    used_ -= on_disk(entry->size);
    return true;
  });
}

void SpoolingStore::listen(Arrived arrived) {
  const std::lock_guard lock(listening_);
  listener_ = std::move(arrived);
}

void SpoolingStore::arrived(const std::string& name, std::uint64_t bytes) {
  const std::lock_guard lock(listening_);
  if (listener_) listener_(name, bytes);
}

SpoolStatus SpoolingStore::status_locked() const {
  SpoolStatus status;
  status.trouble = lost_ ? lost_ : trouble_;
  status.waiting_objects = waiting_.size();
  for (const EntryPtr& entry : waiting_) {
    if (entry->near) status.waiting_bytes += entry->size;
    status.in_doubt = status.in_doubt || !entry->near;
  }
  status.limit_bytes = options_.limit_bytes;
  status.full = full_;
  status.lost = lost_.has_value();
  return status;
}

SpoolStatus SpoolingStore::status() const {
  const std::lock_guard lock(mutex_);
  return status_locked();
}

bool SpoolingStore::wait(Until until, milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] {
    if (until == Until::kFarTakes) return !trouble_ || lost_;
    if (until == Until::kEmpty) return waiting_.empty();
    return std::ranges::all_of(waiting_, [](const EntryPtr& entry) { return entry->near; });
  });
}

void SpoolingStore::interrupt(bool interrupted) {
  {
    const std::lock_guard lock(mutex_);
    interrupted_ = interrupted;
  }
  changed_.notify_all();
}

// What waits first: an object that goes over meanwhile is met in the far store then.
std::vector<ObjectInfo> SpoolingStore::list(std::string_view prefix) const {
  std::map<std::string, std::uint64_t> found;
  for (const ObjectInfo& object : waiting()) {
    if (object.name.starts_with(prefix)) found.emplace(object.name, object.size);
  }
  for (const ObjectInfo& object : far_.list(prefix)) found.emplace(object.name, object.size);
  std::vector<ObjectInfo> objects;
  for (const auto& [name, size] : found) objects.push_back({name, size});
  return objects;
}

std::unique_ptr<ObjectReader> SpoolingStore::open(std::string_view name) const {
  if (!name.starts_with(options_.prefix) || waiting_count() == 0) return far_.open(name);
  try {
    return near_.open(name);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNoDatabase) throw;
    return far_.open(name);
  }
}

std::unique_ptr<ObjectWriter> SpoolingStore::create(std::string_view name) {
  if (!name.starts_with(options_.prefix)) return far_.create(name);
  return std::make_unique<Writer>(*this, name);
}

void SpoolingStore::check_locked() const {
  if (lost_) throw Error(*lost_);
  if (interrupted_) throw Error(ErrorCode::kStoreUnreachable, "interrupted: " + far_.describe());
}

void SpoolingStore::keep(const std::string& name, std::vector<std::byte> content) {
  std::unique_lock lock(mutex_);
  check_locked();
  const auto entry =
      std::make_shared<Entry>(Entry{.name = name, .size = content.size(), .content = std::move(content)});
  if (straight_locked()) {
    waiting_.push_back(entry);
    changed_locked();
    if (wait_for_far(lock, entry)) return;
  }
  spool(lock, entry);
}

// True: the far store has it. False: it failed (then nothing of it is under way), or takes its time.
bool SpoolingStore::wait_for_far(std::unique_lock<std::mutex>& lock, const EntryPtr& entry) {
  const auto over = [&] { return entry->arrived || entry->failure || stopping_ || interrupted_; };
  if (changed_.wait_for(lock, options_.patience, over)) {
    if (!entry->arrived) check_locked();
    return entry->arrived;
  }
  note_trouble(lock, Error(ErrorCode::kStoreUnreachable,
                           fmt::format("{} has not taken an object of {} bytes within {} ms", far_.describe(),
                                       entry->size, options_.patience.count())));
  return entry->arrived;
}

// Makes the entry durable in the near store. Where that has no room the object is the caller's again; but one
// that is on its way to the far store has to be waited for.
void SpoolingStore::spool(std::unique_lock<std::mutex>& lock, const EntryPtr& entry) {
  try {
    reserve(lock, on_disk(entry->size));
    lock.unlock();
    try {
      put_object(near_, entry->name, entry->content);
    } catch (const Error&) {
      give_back(on_disk(entry->size));
      lock.lock();
      throw;
    }
    lock.lock();
  } catch (const Error&) {
    if (!entry->under_way && !entry->arrived) throw;
    const auto over = [&] { return !entry->under_way || stopping_ || interrupted_; };
    changed_.wait(lock, over);
    if (entry->arrived) return;
    check_locked();
    throw;
  }
  if (entry->arrived) {
    used_ -= on_disk(entry->size);
    lock.unlock();
    forget_near(entry->name);
    return;
  }
  entry->near = true;
  if (!entry->under_way) waiting_.push_back(entry);
  if (!entry->under_way) entry->content = {};
  changed_locked();
}

void SpoolingStore::reserve(std::unique_lock<std::mutex>& lock, std::uint64_t bytes) {
  const bool fits =
      used_ + bytes <= options_.limit_bytes && (!options_.near_has_room || options_.near_has_room(bytes));
  if (fits) {
    used_ += bytes;
    return;
  }
  const std::string why = trouble_ ? trouble_->what() : far_.describe() + " takes nothing";
  if (!std::exchange(full_, true)) tell(lock);
  if (options_.limit_bytes == 0) throw Error(ErrorCode::kStoreUnreachable, why);
  throw Error(ErrorCode::kStoreUnreachable,
              fmt::format("the spool has no room ({} of {} bytes are taken), and {}", used_,
                          options_.limit_bytes, why));
}

void SpoolingStore::give_back(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  used_ -= bytes;
}

void SpoolingStore::took_near(const std::string& name, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::make_shared<Entry>(Entry{.name = name, .size = bytes, .near = true}));
  used_ += on_disk(bytes) - bytes;  // it was reserved byte by byte
  changed_locked();
}

void SpoolingStore::note_trouble(std::unique_lock<std::mutex>& lock, const Error& error) {
  trouble_ = error;
  troubled_ = true;
  changed_locked();
  tell(lock);
}

// Without the lock, but one at a time: the receiver may look at us.
void SpoolingStore::tell(std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  if (told_) {
    const std::lock_guard one(telling_);
    told_(status());
  }
  lock.lock();
}

void SpoolingStore::run() {
  std::unique_lock lock(mutex_);
  milliseconds retry = options_.first_retry;
  while (true) {
    const bool due = changed_.wait_for(lock, kThreadStays, [&] { return stopping_ || work_is_due_locked(); });
    if (!due || stopping_) return thread_.ended();
    const EntryPtr entry = waiting_.empty() ? nullptr : waiting_.front();
    if (entry) entry->under_way = true;
    lock.unlock();
    const std::optional<Error> failure = attempt(entry.get());
    lock.lock();
    settle(lock, entry, failure);
    if (!failure) {
      retry = options_.first_retry;
      continue;
    }
    changed_.wait_for(lock, retry, [&] { return stopping_; });
    retry = std::min(retry * 2, options_.longest_retry);
  }
}

// Puts the object; without one, while there is trouble, tries whether the far store takes bytes again.
std::optional<Error> SpoolingStore::attempt(const Entry* entry) {
  try {
    if (options_.before_put) options_.before_put();
    if (entry != nullptr) {
      put_far(*entry);
    } else {
      const auto probe = far_.create(options_.prefix + "probe");
      probe->append(std::vector<std::byte>(kProbeBytes));
    }
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

void SpoolingStore::put_far(const Entry& entry) {
  try {
    const auto writer = far_.create(entry.name);
    if (!entry.content.empty()) {
      writer->append(entry.content);
    } else {
      const auto reader = near_.open(entry.name);
      std::vector<std::byte> chunk(std::min<std::uint64_t>(kCopyBytes, reader->size()));
      for (std::uint64_t at = 0; at < reader->size(); at += chunk.size()) {
        chunk.resize(std::min<std::uint64_t>(chunk.size(), reader->size() - at));
        reader->read(at, chunk);
        writer->append(chunk);
      }
    }
    writer->commit();
  } catch (const Error& error) {
    // Killed between the put and the removal here: it is there already.
    if (error.code() != ErrorCode::kLocked || !far_has_the_same(entry)) throw;
  }
}

bool SpoolingStore::far_has_the_same(const Entry& entry) const {
  const auto near = entry.content.empty() ? near_.open(entry.name) : nullptr;
  const auto there = far_.open(entry.name);
  if (entry.size != there->size()) return false;
  std::vector<std::byte> mine, theirs;
  for (std::uint64_t at = 0; at < entry.size; at += theirs.size()) {
    theirs.resize(std::min<std::uint64_t>(kCopyBytes, entry.size - at));
    there->read(at, theirs);
    mine.resize(theirs.size());
    if (near) near->read(at, mine);
    const Bytes here = near ? Bytes(mine) : Bytes(entry.content).subspan(at, theirs.size());
    if (!std::ranges::equal(here, theirs)) return false;
  }
  return true;
}

void SpoolingStore::forget_near(const std::string& name) {
  try {
    near_.remove(name);
  } catch (const Error&) {
    // It stays, and is found to be in the far store at the next start.
  }
}

void SpoolingStore::settle(std::unique_lock<std::mutex>& lock, const EntryPtr& entry,
                           const std::optional<Error>& failure) {
  if (failure) {
    // An object of that name is another archiver's: this one is no longer the owner.
    if (failure->code() == ErrorCode::kLocked) lost_ = failure;
    if (entry) entry->under_way = false;
    if (entry && !entry->near) {
      entry->failure = failure;
      waiting_.pop_front();  // its writer's again
    } else if (entry) {
      entry->content = {};
    }
    return note_trouble(lock, *failure);
  }
  if (entry) {
    entry->in_far = true;
    lock.unlock();
    arrived(entry->name, entry->size);
    lock.lock();
    entry->arrived = true;  // what its writer spools from here on it takes back itself
    if (entry->near) {
      lock.unlock();
      forget_near(entry->name);
      lock.lock();
      used_ -= on_disk(entry->size);
    }
    entry->under_way = false;
    waiting_.pop_front();
  }
  full_ = false;
  trouble_.reset();
  const bool whole_again = waiting_.empty() && std::exchange(troubled_, false);
  changed_.notify_all();
  if (whole_again) tell(lock);
}

}  // namespace litewright
