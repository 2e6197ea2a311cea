#include "base/prometheus_text.h"

#include <gtest/gtest.h>

namespace litewright {
namespace {

TEST(PrometheusText, WritesEachFamilyOnceAndLeavesOutThoseWithoutSamples) {
  PrometheusText metrics;
  metrics.family("lw_bytes", "gauge", "how many");
  metrics.sample({{"database", "a"}, {"kind", ""}}, 9007199254740991.0);
  metrics.sample({{"database", "b"}}, 0.25);
  metrics.family("lw_none", "counter", "nothing");
  metrics.family("lw_up", "gauge", "is it");
  metrics.sample({}, 1);
  EXPECT_EQ(metrics.text(),
            "# HELP lw_bytes how many\n# TYPE lw_bytes gauge\n"
            "lw_bytes{database=\"a\"} 9007199254740991\nlw_bytes{database=\"b\"} 0.25\n"
            "# HELP lw_up is it\n# TYPE lw_up gauge\nlw_up 1\n");
}

TEST(PrometheusText, EscapesWhatWouldEndALabel) {
  PrometheusText metrics;
  metrics.family("lw_up", "gauge", "is it");
  metrics.sample({{"database", "a\"b\\c\nd"}}, 1);
  EXPECT_NE(metrics.text().find("lw_up{database=\"a\\\"b\\\\c\\nd\"} 1\n"), std::string::npos);
  metrics.sample({{"database", "caf\xe9"}}, 1);
  EXPECT_NE(metrics.text().find("lw_up{database=\"caf\xef\xbf\xbd\"} 1\n"), std::string::npos)
      << "one label that is no UTF-8 costs the whole scrape";
}

}  // namespace
}  // namespace litewright
