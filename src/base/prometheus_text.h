// Prometheus' text exposition format 0.0.4: families of samples, each family once, escaped as it must be.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace litewright {

class PrometheusText {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // All samples up to the next call are its. A family without samples is left out. `type`: "gauge",
  // "counter".
  void family(std::string_view name, std::string_view type, std::string_view help);
  // Labels without a value are left out.
  void sample(Labels labels, double value);

  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::string head_;  // of a family that has no sample yet
  std::string name_;
};

}  // namespace litewright
