// The catalogue: what an archive holds, rebuilt from the store alone. Local state is never needed.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "archive/segment.h"
#include "base/clock.h"
#include "store/object_store.h"

namespace litewright {

// archive.json: written when the archive is made, and where its database was moved (archive_home.h).
struct ArchiveIdentity {
  int format = 1;
  std::string id;        // 32 hex digits, random
  std::string database;  // its path
  WallTime created{};
};

// A segment as its name and footer give it. It takes a line of commits from start() to last.txid; a snapshot
// (base 0) may hold no commit before its own first.
struct SegmentEntry {
  std::string name;
  std::uint64_t size = 0;  // bytes
  SegmentHeader header;
  std::optional<WalPosition> position;
  CommitRecord first, last;
  std::uint64_t commits = 0;  // in its index

  bool is_snapshot() const { return header.base.value == 0; }
  Txid start() const { return is_snapshot() ? Txid(first.txid.value - 1) : header.base; }
  bool spans(Txid txid) const { return start() < txid && txid <= last.txid; }
  // Commits that it spans were thinned out. It then follows only what ends exactly at its base, and gives
  // only the commits in its index.
  bool thinned() const { return commits < last.txid.value - start().value || last.retired; }
};

// points/<name>.json: a point named by hand.
struct NamedPoint {
  std::string name;
  Txid txid;
  WallTime created{};
};

// proofs/<txid>-<when>.json: a restore that was really made and checked (docs/formats/archive.md).
struct RestoreProof {
  Txid txid;
  Checksum128 checksum;  // of the whole database, as restored and as recorded
  WallTime proven_at{};
  std::chrono::duration<double>
      restore_time{};               // from the archive to the proven file; the checks not counted
  std::uint64_t bytes = 0;          // of the restored file
  std::uint64_t bytes_read = 0;     // sum of the objects that the restore needed
  std::vector<std::string> checks;  // what held: "checksum", "quick_check", "probe"
  std::string host;                 // where: rates are a machine's
};

// A stretch of txids (base, last] that no object covers: the commits that are lost.
struct MissingRange {
  Txid base, last;
};

// A damaged object, or a segment of another line (archive/state_witness.h), that load() met and left out.
struct BadObject {
  std::string name;
  std::string reason;
};

class Catalogue {
 public:
  // Reads names and footers, the footers by a few threads. An empty or absent archive gives an empty
  // catalogue (identity absent). A damaged object is left out and named in bad_objects.
  // An archive.json of a future format throws Error{kDamaged} with a hint to upgrade.
  static Catalogue load(const ObjectStore& store);

  std::optional<ArchiveIdentity> identity;
  std::vector<SegmentEntry> segments;  // ascending by (base, last)
  std::vector<NamedPoint> points;      // ascending by txid
  std::vector<RestoreProof> proofs;    // ascending by time
  std::vector<BadObject> bad_objects;
  // Retention let go what came before this commit. Segments that begin earlier count for nothing: an ended
  // process left them.
  Txid retired_before;
  std::vector<ObjectInfo> retired_segments;

  // The segments that name every commit once, from the oldest snapshot (or, without one, the oldest segment)
  // to the newest commit: at each place the widest. Where no segment begins at the end of the one before, one
  // that overlaps it is taken: its commits up to there count as the earlier one's. Pointers into `segments`.
  std::vector<const SegmentEntry*> line() const;
  // What lies between the parts of line(), and before the earliest segment where that is no snapshot.
  std::vector<MissingRange> missing() const;
  std::optional<CommitRecord> newest() const;
  std::optional<CommitRecord> oldest() const;  // the first of the oldest snapshot; absent without snapshot
  const NamedPoint* find_point(std::string_view name) const;
  // The proof of the newest commit that was proven and that a segment still holds, of several of that commit
  // the latest; null where there is none. Retention never removes that commit.
  const RestoreProof* newest_proof() const;
};

// Lets go, durably and at once, all segments that begin before the commit `before`; their objects may then
// be removed in any order. It only ever grows.
void put_retired_before(ObjectStore& store, const Catalogue& catalogue, Txid before);

// Throws Error{kDamaged} with a hint to upgrade where archive.json is of a future format; no archive is fine.
void require_known_format(const ObjectStore& store);

// A damaged archive.json would stop every archiver: the owner takes it out of the way, as it is, to
// damaged/archive.json.<checksum>, and gives that name; nullopt where there is nothing to do.
std::optional<std::string> set_damaged_identity_aside(ObjectStore& store);
// Makes archive.json where there is none; returns the identity.
ArchiveIdentity ensure_archive(ObjectStore& store, const std::string& database, const Clock& clock);
// Names a point (letters, digits, '.', '_', '-'; at most 64; Error{kUsage} otherwise). One of that name is
// replaced only where it has the same txid: Error{kCantCreate} otherwise.
void put_point(ObjectStore& store, const NamedPoint& point);
// Records a proof, durably; needs no ownership: its name is its own. Of more than kMostProofs the oldest go,
// the newest proven commit's never.
inline constexpr std::size_t kMostProofs = 200;
void put_proof(ObjectStore& store, const RestoreProof& proof);

}  // namespace litewright
