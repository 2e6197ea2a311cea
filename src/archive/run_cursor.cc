#include <fmt/format.h>

#include <algorithm>

#include "archive/frame_press.h"
#include "archive/segment.h"
#include "archive/segment_bytes.h"
#include "archive/segment_frame.h"
#include "archive/segment_index.h"

namespace litewright {

using namespace segment_format;

namespace {

// Page checksums are read ahead in pieces of this many, so that most frames cost one read.
constexpr std::uint32_t kChecksumsAhead = 1024;

}  // namespace

// Invariant: `records` reads from `raw`, `checks` from `check_bytes`, `ended` from `window`, all of the frame
// before next_frame.
struct RunCursor::State {
  State(const Segment::State& opened, std::size_t run_index, PageNumber begin, PageNumber end,
        const PageSet* pages)
      : segment(opened), run(run_index), from(begin), to(end), only(pages), index(opened, run_index) {
    const auto first = std::ranges::partition_point(
        index.frames, [&](const auto& frame) { return frame.entry.last_page < from; });
    next_frame = static_cast<std::size_t>(first - index.frames.begin());
  }

  [[noreturn]] void damaged(const std::string& what) const {
    segment.damaged(fmt::format("frame {} of run {}: {}", next_frame - 1, run, what));
  }
  bool skip_to_wanted();
  bool load_frame();
  void load_ended(const RunFrames::Frame& frame);
  std::optional<PageVersion> next();
  PageVersion complete(const FrameRecords::Record& record);

  const Segment::State& segment;
  std::size_t run;
  PageNumber from, to;
  const PageSet* only;
  RunFrames index;
  std::size_t next_frame = 0;
  std::vector<std::byte> raw, check_bytes, window;
  std::uint32_t window_begin = 0;  // the window's first page checksum, counted in the run
  FrameRecords records;
  ByteReader checks{Bytes()}, ended{Bytes()};
  PageNumber last_page;
  bool last_ended = true;
  bool done = false;
};

void RunCursor::State::load_ended(const RunFrames::Frame& frame) {
  const std::uint32_t begin = frame.ended_before;
  const std::uint32_t end = begin + frame.entry.ended;
  if (begin < window_begin || end > window_begin + window.size() / kChecksumBytes) {
    const RunEntry& entry = segment.runs[run];
    const std::uint32_t last = std::min(entry.info.pages, std::max(end, begin + kChecksumsAhead));
    window = segment.read(entry.checksums_offset() + std::uint64_t{begin} * kChecksumBytes,
                          std::size_t{last - begin} * kChecksumBytes);
    window_begin = begin;
  }
  const Bytes part =
      Bytes(window).subspan((begin - window_begin) * kChecksumBytes, frame.entry.ended * kChecksumBytes);
  if (checksum64(part) != frame.entry.ended_checksum) damaged("its page checksums are not the recorded ones");
  ended = ByteReader(part);
}

// Passes over frames without a page of `only`; false where none is left.
bool RunCursor::State::skip_to_wanted() {
  for (; next_frame < index.frames.size(); ++next_frame) {
    const FrameEntry& frame = index.frames[next_frame].entry;
    if (frame.first_page > to) return false;
    if (only == nullptr || only->any(frame.first_page, frame.last_page)) return true;
    last_page = PageNumber(0);  // the next one may begin within a page
  }
  return false;
}

bool RunCursor::State::load_frame() {
  if (!skip_to_wanted()) return false;
  const RunFrames::Frame& frame = index.frames[next_frame++];
  // What only decoding needs is the thread's: it is as large as a frame, and hundreds of cursors may be open.
  thread_local std::vector<std::byte> stored;
  thread_local Decompressor decompressor;
  stored.resize(frame.entry.stored);
  segment.object->read(frame.offset, stored);
  if (checksum64(stored) != frame.entry.stored_checksum) damaged("checksum is not the recorded one");
  raw.resize(frame.entry.raw);
  const Bytes all(stored);
  const std::size_t compressed = stored.size() - frame.entry.checks_bytes();
  if (!decompressor.run(all.first(compressed), raw)) damaged("can't be decompressed");
  load_ended(frame);
  check_bytes.assign(stored.begin() + static_cast<std::ptrdiff_t>(compressed), stored.end());
  checks = ByteReader(check_bytes);
  records = FrameRecords(raw, frame.entry, segment.footer.header);
  return true;
}

PageVersion RunCursor::State::complete(const FrameRecords::Record& record) {
  // A page ends once, and only then another begins; the first frame of a part may begin within a page.
  const bool same_page = record.page == last_page;
  if (last_page.value != 0 && same_page == last_ended) damaged("a page's last version is marked wrongly");
  last_page = record.page;
  last_ended = record.ended;
  PageVersion version{record.page, record.txid, record.kind, record.body, {}};
  if (record.ended) version.checksum = ended.checksum();
  if (!record.ended) version.checksum.low = checks.u64();
  if (!ended.ok() || !checks.ok()) damaged("has more versions than checksums");
  return version;
}

std::optional<PageVersion> RunCursor::State::next() {
  while (!done) {
    const auto record = records.next();
    if (record) {
      const PageVersion version = complete(*record);
      if (version.page > to) break;
      if (version.page < from) continue;
      return version;
    }
    if (!records.ok() || !checks.at_end() || !ended.at_end()) damaged("its records are malformed");
    if (!load_frame()) break;
  }
  done = true;
  return std::nullopt;
}

RunCursor::RunCursor(const Segment& segment, std::size_t run, PageNumber from, PageNumber to,
                     const PageSet* only)
    : state_(std::make_unique<State>(*segment.state_, run, from, to, only)) {}
RunCursor::~RunCursor() = default;
RunCursor::RunCursor(RunCursor&&) noexcept = default;
RunCursor& RunCursor::operator=(RunCursor&&) noexcept = default;

std::optional<PageVersion> RunCursor::next() { return state_->next(); }

}  // namespace litewright
