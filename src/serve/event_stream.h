// The board's changes as server-sent events: what /api/v1/events sends for as long as somebody listens.
//
//   id: 1795932000123-17
//   event: finding
//   data: {"time":…}
//
// A listener that was away goes on after its Last-Event-ID. Where changes were missed (they are kept for a
// while only, and numbered anew when the daemon starts) an event `missed` comes first: ask for everything.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "serve/http_message.h"
#include "serve/status_board.h"

namespace litewright {

class EventStream final : public HttpStream {
 public:
  struct Options {
    std::uint64_t life = 0;               // of this daemon: the first part of an event's id
    std::string last_id = {};             // as the listener sent it; empty: from now on
    std::string database = {};            // of this one alone; empty: all
    std::chrono::seconds still_here{15};  // a comment after so long without an event
  };
  // Borrows both.
  EventStream(const StatusBoard& board, const Clock& clock, Options options);

  bool ready() const override;
  std::optional<std::string> next() override;

 private:
  const StatusBoard& board_;
  const Clock& clock_;
  Options options_;
  std::uint64_t seen_ = 0;
  bool begun_ = false;
  bool missed_ = false;
  SteadyTime said_;
};

}  // namespace litewright
