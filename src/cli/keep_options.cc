#include "cli/keep_options.h"

#include "archive/keep_words.h"

namespace litewright {

std::vector<Option> keep_options() {
  return {
      {.name = "keep-last", .value = "N", .help = "keep the newest N"},
      {.name = "keep-within", .value = "DURATION", .help = "keep all that are no older (24h, 7d)"},
      {.name = "keep-minutely",
       .value = "SPAN",
       .help = "keep one a minute: for so many minutes that have one (30), for so long (7d), or all"},
      {.name = "keep-hourly", .value = "SPAN", .help = "keep one an hour"},
      {.name = "keep-daily", .value = "SPAN", .help = "keep one a day, by the local calendar"},
      {.name = "keep-weekly", .value = "SPAN", .help = "keep one a week, from Monday on"},
      {.name = "keep-monthly", .value = "SPAN", .help = "keep one a month"},
      {.name = "keep-yearly", .value = "SPAN", .help = "keep one a year"},
      {.name = "keep-min", .value = "N", .help = "keep the newest N in spite of --max-age and --max-bytes"},
      {.name = "max-age", .value = "DURATION", .help = "keep none that is older, whatever rule kept it"},
      {.name = "max-bytes", .value = "SIZE", .help = "keep no more than so much: the oldest go first"},
  };
}

KeepRules keep_rules_given(const Invocation& invocation) {
  return read_keep_rules([&invocation](const std::string& option) { return invocation.value(option); });
}

}  // namespace litewright
