// The catalogue: what an archive holds, rebuilt from the store alone. Local state is never needed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "archive/segment.h"
#include "base/clock.h"
#include "store/object_store.h"

namespace litewright {

// archive.json: written once, when the archive is made.
struct ArchiveIdentity {
  int format = 1;
  std::string id;        // 32 hex digits, random
  std::string database;  // the path it was made for
  WallTime created{};
};

struct SegmentEntry {
  std::string name;
  std::uint64_t size = 0;  // bytes
  SegmentHeader header;
  std::optional<WalPosition> position;
  CommitRecord first, last;
};

// points/<name>.json: a point named by hand.
struct NamedPoint {
  std::string name;
  Txid txid;
  WallTime created{};
};

// A stretch of txids that no object covers: the commits that are lost.
struct MissingRange {
  Txid base, last;
};

// A damaged or foreign object that load() met and left out.
struct BadObject {
  std::string name;
  std::string reason;
};

class Catalogue {
 public:
  // Reads names and footers. An empty or absent archive gives an empty catalogue (identity absent).
  // An archive.json of a future format throws Error{kDamaged} with a hint to upgrade.
  static Catalogue load(const ObjectStore& store);

  std::optional<ArchiveIdentity> identity;
  std::vector<SegmentEntry> segments;  // ascending by (base, last)
  std::vector<NamedPoint> points;      // ascending by txid
  std::vector<BadObject> bad_objects;

  // The line of segments without overlap from the oldest snapshot to the newest commit: widest cover first.
  std::vector<const SegmentEntry*> line() const;
  std::vector<MissingRange> missing() const;
  std::optional<CommitRecord> newest() const;
  std::optional<CommitRecord> oldest() const;
  const NamedPoint* find_point(std::string_view name) const;
};

// Makes archive.json where there is none; returns the identity.
ArchiveIdentity ensure_archive(ObjectStore& store, const std::string& database, const Clock& clock);
void put_point(ObjectStore& store,
               const NamedPoint& point);  // replaces one of that name only with the same txid

}  // namespace litewright
