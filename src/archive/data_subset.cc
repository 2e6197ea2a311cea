#include "archive/data_subset.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "base/checksum.h"
#include "base/error.h"

namespace litewright {

namespace {

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> size_in_bytes(std::string_view text) {
  if (text.ends_with("iB"))
    text.remove_suffix(2);
  else if (text.ends_with('B'))
    text.remove_suffix(1);
  std::uint64_t unit = 1;
  if (!text.empty()) {
    constexpr std::string_view kUnits = "KMGT";
    const char last = static_cast<char>(text.back() & ~0x20);
    if (const auto place = kUnits.find(last); text.back() > '9' && place != std::string_view::npos) {
      unit = std::uint64_t{1} << (10 * (place + 1));
      text.remove_suffix(1);
    }
  }
  const auto count = number<std::uint64_t>(text);
  if (!count || *count == 0 || *count > (std::uint64_t{1} << 60) / unit) return std::nullopt;
  return *count * unit;
}

std::uint64_t place_of(const SegmentEntry& entry) { return checksum64(std::as_bytes(std::span(entry.name))); }

}  // namespace

DataSubset DataSubset::parse(const std::string& text) {
  DataSubset subset;
  subset.text_ = text;
  const std::string_view all = text;
  if (const auto slash = all.find('/'); slash != std::string_view::npos) {
    const auto part = number<std::uint64_t>(all.substr(0, slash));
    const auto parts = number<std::uint64_t>(all.substr(slash + 1));
    subset.kind_ = Kind::kPart;
    subset.part_ = part.value_or(0);
    subset.parts_ = parts.value_or(0);
    if (subset.part_ >= 1 && subset.part_ <= subset.parts_) return subset;
  } else if (all.ends_with('%')) {
    subset.kind_ = Kind::kPercent;
    subset.percent_ = number<double>(all.substr(0, all.size() - 1)).value_or(0);
    if (subset.percent_ > 0 && subset.percent_ <= 100) return subset;
  } else if (const auto bytes = size_in_bytes(all)) {
    subset.kind_ = Kind::kBytes;
    subset.bytes_ = *bytes;
    return subset;
  }
  throw Error(ErrorCode::kUsage, fmt::format("--read-data-subset '{}' can't be read", text),
              "give a part, a percentage or a size: 1/7, 5%, 100MB");
}

DataSubset::Choice DataSubset::choose(const Catalogue& catalogue, std::uint64_t rotation) const {
  Choice choice{.objects = {}, .bytes = 0, .next = rotation};
  std::vector<std::pair<std::uint64_t, const SegmentEntry*>> order;
  std::uint64_t all = 0;
  for (const SegmentEntry& entry : catalogue.segments) {
    order.emplace_back(place_of(entry), &entry);
    all += entry.size;
  }
  std::ranges::sort(order, {}, [](const auto& one) { return one.first; });
  const auto take = [&](const SegmentEntry& entry) {
    choice.objects.insert(entry.name);
    choice.bytes += entry.size;
  };
  if (kind_ == Kind::kEverything || kind_ == Kind::kPart) {
    for (const auto& [place, entry] : order) {
      if (kind_ == Kind::kEverything || place % parts_ == part_ - 1) take(*entry);
    }
    return choice;
  }
  const std::uint64_t wanted =
      kind_ == Kind::kBytes
          ? bytes_
          : static_cast<std::uint64_t>(std::ceil(static_cast<double>(all) * percent_ / 100));
  const auto first = std::ranges::lower_bound(order, rotation, {}, [](const auto& one) { return one.first; });
  std::ranges::rotate(order, first);
  for (const auto& [place, entry] : order) {
    if (choice.bytes >= wanted) break;
    take(*entry);
    choice.next = place + 1;
  }
  return choice;
}

}  // namespace litewright
