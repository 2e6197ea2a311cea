#include <fmt/format.h>

#include "archive/frame_press.h"
#include "archive/segment.h"
#include "archive/segment_bytes.h"
#include "archive/segment_format.h"
#include "archive/segment_frame.h"
#include "base/error.h"

namespace litewright {

using namespace segment_format;

namespace {

// A record's columns take at most 5 + 1 + 10 + 5 bytes beside its body.
constexpr std::size_t kMaxRecordHead = 21;

[[noreturn]] void broken(const std::string& what) {
  throw Error(ErrorCode::kInternal, "segment writer: " + what);
}

void check_commits(const SegmentWriterOptions& options, std::span<const CommitRecord> commits) {
  const SegmentHeader& header = options.header;
  const std::uint64_t all = header.last.value - header.base.value;
  const bool some = options.thinned || header.base.value == 0;
  const bool enough = some ? !commits.empty() && commits.size() <= all : commits.size() == all;
  if (!enough || commits.size() > kMaxCommits || commits.back().txid != header.last) {
    broken(fmt::format("{} commits for ({}, {}]", commits.size(), header.base.value, header.last.value));
  }
  // A snapshot may begin with any commit.
  Txid expected(header.last.value - commits.size());
  if (options.thinned) expected = header.base;
  for (const auto& commit : commits) {
    ++expected;
    if (options.thinned ? commit.txid < expected : commit.txid != expected)
      broken(fmt::format("commit {} where {} belongs", commit.txid.value, expected.value));
    expected = commit.txid;
  }
}

}  // namespace

// Invariants: (1) `offset` bytes were appended to the object and hashed; (2) while a run is open, `builder`
// holds at least its newest record, whose checksum is in `newest` and not yet in a frame's checks.
struct SegmentWriter::State {
  State(ObjectStore& store, const SegmentWriterOptions& given)
      : options(given),
        object(store.create(segment_name(given.header.base, given.header.last, given.generation))),
        press(given.threads, given.zstd_level, [this](const PressedFrame& pressed) { take_frame(pressed); }) {
  }

  void append(Bytes data) {
    object->append(data);
    hash.add(data);
    offset += data.size();
  }
  void check(const PageVersion& version) const;
  void begin_run(const PageVersion& version);
  void end_run();
  void seal_newest(bool ended);
  void flush_frame();
  void take_frame(const PressedFrame& frame);
  void write_commits(std::span<const CommitRecord> commits, Footer& footer);

  SegmentWriterOptions options;
  std::unique_ptr<ObjectWriter> object;
  Checksum64Stream hash;
  std::uint64_t offset = 0;
  FramePress press;

  bool run_open = false;
  FrameBuilder builder;
  std::unique_ptr<PressedFrame> frame;  // of the builder's records: checks and ended checksums
  PageNumber newest_page;
  Checksum128 newest;
  RunEntry run;
  PageNumber last_number;
  std::uint32_t frames_begun = 0;
  std::vector<std::byte> frame_table, page_numbers, page_checksums;

  std::vector<std::byte> run_table;
  std::uint32_t run_count = 0;
  bool finished = false;
};

void SegmentWriter::State::check(const PageVersion& version) const {
  const SegmentHeader& header = options.header;
  const bool whole = version.kind == PageVersion::Kind::kWhole;
  if (version.page.value == 0) broken("page 0");
  if (whole && version.body.size() != header.page_size) {
    broken(fmt::format("page {} has {} bytes, not {}", version.page.value, version.body.size(),
                       header.page_size));
  }
  if (!whole && version.body.size() > header.page_size) {
    broken(fmt::format("the delta of page {} is longer than a page", version.page.value));
  }
  if (version.txid <= header.base || version.txid > header.last) {
    broken(
        fmt::format("txid {} is not in ({}, {}]", version.txid.value, header.base.value, header.last.value));
  }
}

void SegmentWriter::State::begin_run(const PageVersion& version) {
  if (run_count >= kMaxRuns) broken("too many runs");
  run = RunEntry{};
  run.info.first_page = version.page;
  run.data_offset = offset;
  last_number = PageNumber(0);
  frames_begun = 0;
  frame_table.clear();
  page_numbers.clear();
  page_checksums.clear();
  run_open = true;
}

// Decides what the newest record is: its page's last in the run, or not.
void SegmentWriter::State::seal_newest(bool ended) {
  if (!ended) {
    ByteWriter(frame->checks).u64(newest.low);
    return;
  }
  builder.mark_ended();
  ByteWriter(frame->ended).checksum(newest);
  ByteWriter(page_numbers).varint(newest_page.value - last_number.value);
  last_number = newest_page;
  ++run.info.pages;
}

void SegmentWriter::State::flush_frame() {
  FrameEntry& entry = frame->entry;
  entry.first_page = builder.first_page();
  entry.last_page = builder.last_page();
  entry.records = builder.records();
  entry.ended = static_cast<std::uint32_t>(frame->ended.size() / kChecksumBytes);
  builder.assemble(frame->raw);
  builder.clear();
  press.submit(std::move(frame));
  ++frames_begun;
}

void SegmentWriter::State::take_frame(const PressedFrame& pressed) {
  append(pressed.stored);
  encode_frame(pressed.entry, frame_table);
  page_checksums.insert(page_checksums.end(), pressed.ended.begin(), pressed.ended.end());
}

void SegmentWriter::State::end_run() {
  if (!run_open) return;
  seal_newest(true);
  flush_frame();
  press.drain();
  run.info.last_page = newest_page;
  run.frames = frames_begun;
  run.index_offset = offset;
  run.table_checksum = checksum64(frame_table);
  append(frame_table);
  std::vector<std::byte> numbers;
  Compressor(options.zstd_level).append(page_numbers, numbers);
  run.numbers_raw = static_cast<std::uint32_t>(page_numbers.size());
  run.numbers_stored = static_cast<std::uint32_t>(numbers.size());
  run.numbers_checksum = checksum64(numbers);
  append(numbers);
  append(page_checksums);
  encode_run(run, run_table);
  ++run_count;
  run_open = false;
}

void SegmentWriter::State::write_commits(std::span<const CommitRecord> commits, Footer& footer) {
  std::vector<std::byte> columns, checksums, stored;
  encode_commits(commits, options.header.base, columns, checksums);
  Compressor(options.zstd_level).append(columns, stored);
  footer.commits_offset = offset;
  footer.commit_count = static_cast<std::uint32_t>(commits.size());
  footer.commits_raw = static_cast<std::uint32_t>(columns.size());
  footer.commits_stored = static_cast<std::uint32_t>(stored.size());
  stored.insert(stored.end(), checksums.begin(), checksums.end());
  footer.commits_checksum = checksum64(stored);
  footer.first = commits.front();
  footer.last = commits.back();
  append(stored);
}

SegmentWriter::SegmentWriter(ObjectStore& store, const SegmentWriterOptions& options)
    : state_(std::make_unique<State>(store, options)) {
  const SegmentHeader& header = options.header;
  if (!valid_page_size(header.page_size) || header.base >= header.last || header.epoch == 0) {
    broken(fmt::format("page size {}, commits ({}, {}], epoch {}", header.page_size, header.base.value,
                       header.last.value, header.epoch));
  }
  std::vector<std::byte> bytes;
  encode_header(header, bytes);
  state_->append(bytes);
}

SegmentWriter::~SegmentWriter() = default;

void SegmentWriter::add(const PageVersion& version) {
  State& s = *state_;
  s.check(version);
  if (s.run_open) {
    const bool same_page = version.page == s.newest_page;
    const bool full =
        (!same_page && s.run.info.pages + 1 >= kMaxPagesPerRun) || s.frames_begun + 1 >= kMaxFramesInRun;
    if (full || version.page < s.newest_page) {
      s.end_run();
    } else {
      s.seal_newest(!same_page);
      const std::size_t grown = s.builder.bytes() + version.body.size() + kMaxRecordHead;
      if (grown > kFrameBytes) s.flush_frame();
    }
  }
  if (!s.run_open) s.begin_run(version);
  if (!s.frame) s.frame = s.press.take();
  s.builder.add(version, s.options.header.base);
  s.newest_page = version.page;
  s.newest = version.checksum;
  ++s.run.info.versions;
}

void SegmentWriter::end_run() { state_->end_run(); }

std::uint64_t SegmentWriter::finish(std::span<const CommitRecord> commits,
                                    const std::optional<WalPosition>& position) {
  State& s = *state_;
  const SegmentHeader& header = s.options.header;
  if (s.finished) broken("finished twice");
  check_commits(s.options, commits);
  s.end_run();
  s.finished = true;
  Footer footer;
  footer.header = header;
  footer.position = position;
  s.write_commits(commits, footer);
  footer.run_count = s.run_count;
  footer.runs_checksum = checksum64(s.run_table);
  s.append(s.run_table);
  std::vector<std::byte> bytes;
  encode_footer_before_checksum(footer, bytes);
  s.hash.add(bytes);
  encode_footer_rest(s.hash.value(), 0, bytes);
  s.object->append(bytes);
  s.object->commit();
  return s.offset + bytes.size();
}

}  // namespace litewright
