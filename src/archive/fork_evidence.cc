#include "archive/fork_evidence.h"

#include <fmt/format.h>

#include <algorithm>

#include "archive/page_assembly.h"
#include "archive/restore_plan.h"
#include "base/bytes.h"

namespace litewright {

namespace {

constexpr std::size_t kChangeCounter = 24;  // of a database header

// Keeps the one page that is asked for.
class FirstPageSink final : public PageSink {
 public:
  explicit FirstPageSink(std::uint32_t page_size) : page_(page_size) {}
  MutableBytes place(PageNumber) override { return page_; }
  void base(PageNumber, MutableBytes out) override { std::ranges::fill(out, std::byte{0}); }
  void keep(PageNumber, const Checksum128&) override {}
  void untouched(PageNumber, PageNumber) override {}
  Bytes page() const { return page_; }

 private:
  std::vector<std::byte> page_;
};

}  // namespace

std::optional<std::uint32_t> archived_change_counter(const ObjectStore& store, const Catalogue& catalogue) {
  try {
    const PlanSources plan(store, plan_restore(store, catalogue, RestorePoint{}));
    FirstPageSink sink(plan.page_size());
    assemble_pages(plan, plan.sources(), PageNumber(1), PageNumber(1), sink);
    return load_be32(sink.page(), kChangeCounter);
  } catch (const Error& error) {
    // Evidence is a help: what the archive lacks is verify's business.
    if (error.code() == ErrorCode::kDamaged || error.code() == ErrorCode::kNoDatabase) return std::nullopt;
    throw;
  }
}

std::optional<std::string> counter_went_back(std::optional<std::uint32_t> archived, Bytes first_page) {
  if (!archived) return std::nullopt;
  const std::uint32_t now = load_be32(first_page, kChangeCounter);
  if (static_cast<std::int32_t>(now - *archived) >= 0) return std::nullopt;
  return fmt::format("its change counter went back from {} to {}", *archived, now);
}

std::string forked_line(const std::string& reason) {
  return fmt::format("the line of commits forked: {}; a new epoch begins, all before it stays restorable",
                     reason);
}

}  // namespace litewright
