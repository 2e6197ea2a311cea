// For tests: libc's time zone, for one scope.
#pragma once

#include <cstdlib>
#include <ctime>

namespace litewright {

class TestZone {
 public:
  explicit TestZone(const char* name) {
    ::setenv("TZ", name, 1);
    ::tzset();
  }
  ~TestZone() {
    ::unsetenv("TZ");
    ::tzset();
  }
  TestZone(const TestZone&) = delete;
  TestZone& operator=(const TestZone&) = delete;
};

}  // namespace litewright
