#include "archive/state_witness.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

namespace litewright {

namespace {

constexpr std::array<std::size_t, std::tuple_size_v<StateWitnesses>> kDistances = {0, 1, 2, 3, 7, 15};
constexpr std::size_t kKept = kDistances.back() + 1;

// A state that a segment gives, from its footer.
struct GivenState {
  StateWitness state;
  std::size_t segment;
};

struct Conflict {
  Txid txid;
  std::size_t witness, holder;  // segments
};

std::vector<GivenState> given_states(std::span<const SegmentEntry> segments) {
  std::vector<GivenState> states;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const CommitRecord& last = segments[i].last;
    states.push_back({{last.txid, last.checksum.low}, i});
  }
  std::ranges::sort(states, {}, [](const GivenState& given) { return given.state.txid; });
  return states;
}

std::vector<Conflict> conflicts_among(std::span<const SegmentEntry> segments) {
  std::vector<Conflict> conflicts;
  const std::vector<GivenState> states = given_states(segments);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    for (const StateWitness& witness : segments[i].header.witnesses) {
      if (witness.txid.value == 0) continue;
      const auto same_commit = std::ranges::equal_range(
          states, witness.txid, {}, [](const GivenState& given) { return given.state.txid; });
      for (const GivenState& given : same_commit) {
        if (given.segment != i && given.state.check != witness.check)
          conflicts.push_back({witness.txid, i, given.segment});
      }
    }
  }
  return conflicts;
}

std::string reason_for(std::span<const SegmentEntry> segments, const Conflict& conflict,
                       std::size_t segment) {
  const auto txid = conflict.txid.value;
  if (segment == conflict.holder) {
    return fmt::format("is of another line: {} was built on another state of commit {}",
                       segments[conflict.witness].name, txid);
  }
  return fmt::format("is of another line: it was built on another state of commit {} than {} gives", txid,
                     segments[conflict.holder].name);
}

}  // namespace

void WitnessedLine::add(const CommitRecord& end) {
  ends_.push_back({end.txid, end.checksum.low});
  if (ends_.size() > kKept) ends_.pop_front();
}

StateWitnesses WitnessedLine::witnesses() const {
  StateWitnesses witnesses;
  for (std::size_t i = 0; i < kDistances.size(); ++i) {
    if (kDistances[i] < ends_.size()) witnesses[i] = ends_[ends_.size() - 1 - kDistances[i]];
  }
  return witnesses;
}

std::vector<DisputedSegment> disputed_segments(std::span<const SegmentEntry> segments) {
  std::vector<DisputedSegment> disputed;
  std::vector<Conflict> left = conflicts_among(segments);
  while (!left.empty()) {  // each turn takes out at least one segment
    std::map<std::size_t, std::size_t> contradictions;
    for (const Conflict& conflict : left) {
      ++contradictions[conflict.witness];
      ++contradictions[conflict.holder];
    }
    std::size_t most = 0;
    for (const auto& [segment, count] : contradictions) most = std::max(most, count);
    const auto goes = [&](std::size_t segment) { return contradictions.at(segment) == most; };
    for (const auto& [segment, count] : contradictions) {
      if (count < most) continue;
      const auto first = std::ranges::find_if(left, [&, s = segment](const Conflict& conflict) {
        return conflict.witness == s || conflict.holder == s;
      });
      disputed.push_back({segment, reason_for(segments, *first, segment)});
    }
    std::erase_if(left,
                  [&](const Conflict& conflict) { return goes(conflict.witness) || goes(conflict.holder); });
  }
  std::ranges::sort(disputed, {}, &DisputedSegment::index);
  return disputed;
}

}  // namespace litewright
