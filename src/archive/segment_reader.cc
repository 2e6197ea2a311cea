#include <fmt/format.h>

#include <algorithm>

#include "archive/frame_press.h"
#include "archive/segment.h"
#include "archive/segment_bytes.h"
#include "archive/segment_format.h"
#include "archive/segment_index.h"
#include "base/error.h"

namespace litewright {

using namespace segment_format;

namespace {

constexpr std::size_t kTailRead = 4096;          // footer and, mostly, the run table: one read
constexpr std::size_t kVerifyChunk = 256 << 10;  // bytes a read in verify_bytes

// A resume goes through the indexes of thousands of segments: making a context costs more than using it.
[[nodiscard]] bool decompress(Bytes compressed, MutableBytes out) {
  thread_local Decompressor decompressor;
  return decompressor.run(compressed, out);
}

// Reads the footer's end first: an object of a future version is told from a damaged one by it alone.
Footer read_footer(const Segment::State& s, Bytes tail) {
  const auto version = tail_version(tail.last(kTailBytes));
  if (!version) s.damaged("does not end like a segment: cut short, or none");
  if (*version > kSegmentFormatVersion) {
    throw Error(ErrorCode::kDamaged,
                fmt::format("{}: has format version {}, this program reads up to {}", s.name, *version,
                            kSegmentFormatVersion),
                "upgrade litewright to the version that wrote it");
  }
  auto footer = decode_footer(tail.last(std::min(tail.size(), footer_bytes(*version))));
  if (!footer) s.damaged("the footer is not as it was written");
  return *footer;
}

void read_runs(Segment::State& s, Bytes tail) {
  const Footer& footer = s.footer;
  if (footer.offset() != s.object->size() - footer.bytes()) s.damaged("its parts do not make up its size");
  const std::size_t size = std::size_t{footer.run_count} * kRunEntryBytes;
  const std::vector<std::byte> further =
      size + footer.bytes() > tail.size() ? s.read(footer.runs_offset(), size) : std::vector<std::byte>();
  const Bytes table =
      further.empty() ? tail.subspan(tail.size() - footer.bytes() - size, size) : Bytes(further);
  if (checksum64(table) != footer.runs_checksum) s.damaged("run table: checksum is not the recorded one");
  std::uint64_t begin = kHeaderBytes;
  for (std::uint32_t i = 0; i < footer.run_count; ++i) {
    const auto run = decode_run(table.subspan(i * kRunEntryBytes, kRunEntryBytes), begin);
    if (!run || run->end() > footer.commits_offset) s.damaged(fmt::format("run {} is malformed", i));
    begin = run->end();
    s.runs.push_back(*run);
    s.infos.push_back(run->info);
  }
  if (begin != footer.commits_offset) s.damaged("its runs do not reach to the commit index");
}

}  // namespace

void Segment::State::damaged(const std::string& what) const {
  throw Error(ErrorCode::kDamaged, name + ": " + what, "litewright verify shows what else is damaged");
}

std::vector<std::byte> Segment::State::read(std::uint64_t offset, std::size_t size) const {
  std::vector<std::byte> data(size);
  object->read(offset, data);
  return data;
}

RunFrames::RunFrames(const Segment::State& segment, std::size_t run) {
  const RunEntry& entry = segment.runs.at(run);
  const auto table = segment.read(entry.index_offset, std::size_t{entry.frames} * kFrameEntryBytes);
  if (checksum64(table) != entry.table_checksum) {
    segment.damaged(fmt::format("frame table of run {}: checksum is not the recorded one", run));
  }
  frames.reserve(entry.frames);
  std::uint64_t offset = entry.data_offset, versions = 0, ended = 0;
  PageNumber reached = entry.info.first_page;
  for (std::uint32_t i = 0; i < entry.frames; ++i) {
    const auto frame = decode_frame(Bytes(table).subspan(i * kFrameEntryBytes, kFrameEntryBytes));
    const bool in_order = frame && frame->first_page >= reached && (i > 0 || frame->first_page == reached);
    if (!in_order) segment.damaged(fmt::format("frame {} of run {} is malformed", i, run));
    frames.push_back({*frame, offset, static_cast<std::uint32_t>(ended)});
    offset += frame->stored;
    versions += frame->records;
    ended += frame->ended;
    reached = frame->last_page;
  }
  if (offset != entry.index_offset || versions != entry.info.versions || ended != entry.info.pages ||
      reached != entry.info.last_page) {
    segment.damaged(fmt::format("the frames of run {} do not make up what the run declares", run));
  }
}

Segment::Segment(const ObjectStore& store, const std::string& name) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.name = name;
  s.object = store.open(name);
  if (s.object->size() < kHeaderBytes + kFirstFooterBytes) {
    s.damaged(fmt::format("has {} bytes, too few for a segment", s.object->size()));
  }
  const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(s.object->size(), kTailRead));
  const auto tail = s.read(s.object->size() - size, size);
  s.footer = read_footer(s, tail);
  const auto range = parse_segment_name(name);
  const SegmentHeader& header = s.footer.header;
  if (!range || *range != std::pair(header.base, header.last)) {
    s.damaged(fmt::format("holds commits ({}, {}], which is not what it is named after", header.base.value,
                          header.last.value));
  }
  read_runs(s, tail);
}

Segment::~Segment() = default;
Segment::Segment(Segment&&) noexcept = default;
Segment& Segment::operator=(Segment&&) noexcept = default;

const std::string& Segment::name() const { return state_->name; }
std::uint64_t Segment::size() const { return state_->object->size(); }
const SegmentHeader& Segment::header() const { return state_->footer.header; }
const std::optional<WalPosition>& Segment::position() const { return state_->footer.position; }
std::span<const RunInfo> Segment::runs() const { return state_->infos; }
std::uint32_t Segment::commit_count() const { return state_->footer.commit_count; }
CommitRecord Segment::first_commit() const { return state_->footer.first; }
CommitRecord Segment::last_commit() const { return state_->footer.last; }

std::vector<CommitRecord> Segment::commits() const {
  const State& s = *state_;
  const Footer& footer = s.footer;
  const auto stored = s.read(footer.commits_offset,
                             footer.commits_stored + std::size_t{footer.commit_count} * kChecksumBytes);
  if (checksum64(stored) != footer.commits_checksum)
    s.damaged("commit index: checksum is not the recorded one");
  std::vector<std::byte> columns(footer.commits_raw);
  if (!decompress(Bytes(stored).first(footer.commits_stored), columns)) {
    s.damaged("commit index: can't be decompressed");
  }
  auto commits = decode_commits(columns, Bytes(stored).subspan(footer.commits_stored), footer.header.base,
                                footer.commit_count);
  if (!commits || commits->front() != footer.first || commits->back() != footer.last) {
    s.damaged("commit index is malformed, or not the footer's");
  }
  return std::move(*commits);
}

void Segment::page_checksums(std::size_t run,
                             const std::function<void(PageNumber, const Checksum128&)>& visit) const {
  const State& s = *state_;
  const RunFrames frames(s, run);
  const RunEntry& entry = s.runs.at(run);
  const auto stored = s.read(entry.numbers_offset(), entry.numbers_stored);
  std::vector<std::byte> numbers(entry.numbers_raw);
  if (checksum64(stored) != entry.numbers_checksum || !decompress(stored, numbers)) {
    s.damaged(fmt::format("page numbers of run {} are not as they were written", run));
  }
  const auto sums = s.read(entry.checksums_offset(), std::size_t{entry.info.pages} * kChecksumBytes);
  ByteReader number(numbers);
  ByteReader sum(sums);
  std::uint64_t page = 0;
  for (const auto& frame : frames.frames) {
    const Bytes part =
        Bytes(sums).subspan(frame.ended_before * kChecksumBytes, frame.entry.ended * kChecksumBytes);
    if (checksum64(part) != frame.entry.ended_checksum) {
      s.damaged(fmt::format("page checksums of run {}: checksum is not the recorded one", run));
    }
    for (std::uint32_t i = 0; i < frame.entry.ended; ++i) {
      const std::uint64_t step = number.varint();
      page += step;
      if (step == 0 || page > entry.info.last_page.value)
        s.damaged(fmt::format("page numbers of run {} are malformed", run));
      visit(PageNumber(static_cast<std::uint32_t>(page)), sum.checksum());
    }
  }
  if (!number.at_end() || page != entry.info.last_page.value)
    s.damaged(fmt::format("page numbers of run {} are malformed", run));
}

void Segment::verify_bytes(const std::function<void(std::uint64_t)>& progress) const {
  const State& s = *state_;
  const std::size_t footer = s.footer.bytes();
  const std::uint64_t covered = s.object->size() - footer + object_checksum_offset(footer);
  Checksum64Stream hash;
  std::vector<std::byte> chunk;
  for (std::uint64_t at = 0; at < covered; at += chunk.size()) {
    chunk.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kVerifyChunk, covered - at)));
    s.object->read(at, chunk);
    hash.add(chunk);
    if (progress) progress(chunk.size());
  }
  if (ByteReader(s.read(covered, 8)).u64() != hash.value()) {
    s.damaged(fmt::format("the checksum of its {} bytes is not the recorded one", s.object->size()));
  }
}

}  // namespace litewright
