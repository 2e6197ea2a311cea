#include "check/row_scan.h"

#include <mutex>

namespace litewright {
namespace {

class ScanSink final : public TreeSink {
 public:
  explicit ScanSink(std::unique_ptr<RowVisitor> visitor) : visitor_(std::move(visitor)) {}
  void entry(std::size_t /*tree*/, const TreeEntry& entry) override {
    rows_++;
    visitor_->row(entry);
  }
  std::uint64_t rows() const { return rows_; }
  RowVisitor& visitor() { return *visitor_; }

 private:
  std::unique_ptr<RowVisitor> visitor_;
  std::uint64_t rows_ = 0;
};

}  // namespace

RowScanFigures scan_rows(PageSource& source, PageNumber root, const RowScanOptions& options,
                         const std::function<std::unique_ptr<RowVisitor>()>& make_visitor,
                         const std::function<void(RowVisitor&)>& done) {
  RowScanFigures figures;
  std::mutex mutex;  // of figures
  PageClaims claims(source.page_count());
  walk_trees(
      source, {{.root = root, .table = options.table}}, claims,
      {.threads = options.threads,
       .background = options.background,
       .most_payload_bytes = options.most_payload_bytes,
       .give_up = options.give_up},
      [&] { return std::make_unique<ScanSink>(make_visitor()); },
      [&](const TreeFault& fault) {
        const std::lock_guard lock(mutex);
        if (figures.faults++ == 0) {
          figures.first_fault = "page " + std::to_string(fault.page.value) + " " + fault.what;
        }
      },
      [&](TreeSink& sink) {
        auto& scan = static_cast<ScanSink&>(sink);
        figures.rows += scan.rows();
        done(scan.visitor());
      });
  return figures;
}

}  // namespace litewright
