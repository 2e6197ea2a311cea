// Puts segments into the store on a thread of its own, so that a slow store never delays a pin or a gate; the
// thread is there while there is something to put, and a moment longer.
// Takes parts of segments in order: a segment ends with the part that carries its commits. With a spool a
// segment is out of memory when it is durable there; archived it is only when the store has it.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "archive/frame_capture.h"
#include "archive/segment.h"
#include "base/passing_thread.h"
#include "store/spooling_store.h"

namespace litewright {

struct SegmentPart {
  SegmentHeader header;  // of its segment, the same in each part
  CaptureBatch batch;
  bool last = false;  // ends the segment: batch.commits of all parts are its commits
  std::optional<WalPosition> position;
};

class SegmentUploader {
 public:
  static constexpr std::size_t kMaxQueued = 2;

  struct Events {
    // Both called on the uploader's thread.
    std::function<void(Txid archived, std::uint64_t bytes)> stored;
    // It is tried again, unless this throws; a bound of capture's batches holds meanwhile.
    std::function<void(const Error&)> failed;
  };

  // `kept`: the archive's newest commit, those that wait in the spool included. `spool`: the store itself,
  // where it is one that spools; nothing of an earlier uploader may be in doubt there.
  SegmentUploader(ObjectStore& store, Txid kept, Events events, SpoolingStore* spool = nullptr);
  ~SegmentUploader();  // gives up what is queued: call drain() first
  SegmentUploader(const SegmentUploader&) = delete;
  SegmentUploader& operator=(const SegmentUploader&) = delete;

  bool has_room() const;
  bool idle() const;
  void give_back_memory();  // of parts that are not in use
  // An empty part whose memory was used before, where there is one.
  std::unique_ptr<SegmentPart> take_empty();
  void submit(
      std::unique_ptr<SegmentPart> part);  // only with has_room(); throws what made a segment of parts fail

  void check() const;      // throws what made a segment of parts fail
  bool is_broken() const;  // check() throws

  Txid archived() const;        // everything up to it is durable in the store
  std::size_t spooled() const;  // segments that wait in the spool
  // True when archived() >= txid within `timeout`.
  bool wait_archived(Txid txid, std::chrono::milliseconds timeout) const;
  // Nothing is left to do but to wait for a store that takes nothing: what it lacks is durable in the spool.
  bool waits_in_spool() const;
  // Waits until everything queued is stored. False: not within `timeout`, or waits_in_spool().
  bool drain(std::chrono::milliseconds timeout) const;

 private:
  void run();
  void store_part(SegmentPart& part);
  void put_whole(SegmentPart& part);
  bool waits_in_spool_locked() const;
  void note_finished(Txid last, std::uint64_t bytes);
  void note_archived(Txid last, std::uint64_t bytes);

  ObjectStore& store_;
  Events events_;
  SpoolingStore* spool_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::deque<std::unique_ptr<SegmentPart>> queue_;
  std::vector<std::unique_ptr<SegmentPart>> empty_;
  std::unique_ptr<SegmentWriter> writer_;  // of a segment whose last part is to come
  std::vector<CommitRecord> open_commits_;
  std::optional<Error> broken_;
  Txid archived_, finished_;
  bool busy_ = false, stopping_ = false;
  PassingThread thread_;
};

}  // namespace litewright
