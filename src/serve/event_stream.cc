#include "serve/event_stream.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace litewright {
namespace {

// The number in an id of this life; empty for any other text.
std::optional<std::uint64_t> number_in(std::string_view id, std::uint64_t life) {
  const std::string before = fmt::format("{}-", life);
  if (!id.starts_with(before)) return std::nullopt;
  id.remove_prefix(before.size());
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (failure != std::errc() || end != id.data() + id.size()) return std::nullopt;
  return number;
}

}  // namespace

EventStream::EventStream(const StatusBoard& board, const Clock& clock, Options options)
    : board_(board), clock_(clock), options_(std::move(options)), said_(clock.steady()) {
  const std::uint64_t last = board_.last_change();
  seen_ = last;
  if (options_.last_id.empty()) return;
  const auto number = number_in(options_.last_id, options_.life);
  missed_ = !number || *number > last;
  if (!missed_) seen_ = *number;
}

bool EventStream::ready() const {
  return !begun_ || board_.last_change() != seen_ || clock_.steady() - said_ >= options_.still_here;
}

std::optional<std::string> EventStream::next() {
  std::string text;
  if (!begun_) text += "retry: 2000\n: litewright\n\n";
  begun_ = true;
  StatusBoard::Changes news = board_.after(seen_, std::chrono::milliseconds(0));
  if (news.missed || missed_)
    text += fmt::format("id: {}-{}\nevent: missed\ndata: {{}}\n\n", options_.life, seen_);
  missed_ = false;
  for (const StatusChange& change : news.changes) {
    seen_ = change.number;
    if (!options_.database.empty() && change.database != options_.database) continue;
    text += fmt::format("id: {}-{}\nevent: {}\ndata: {}\n\n", options_.life, change.number, change.kind,
                        change.document);
  }
  if (text.empty() && clock_.steady() - said_ >= options_.still_here) text = ": still here\n\n";
  if (!text.empty()) said_ = clock_.steady();
  return text;
}

}  // namespace litewright
