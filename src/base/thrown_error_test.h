// For tests: the Error that something throws.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <optional>

#include "base/error.h"

namespace litewright {

// Nothing where none was thrown.
inline std::optional<Error> error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

// A failed test and kInternal where none was thrown.
inline ErrorCode code_of(const std::function<void()>& action) {
  const auto error = error_of(action);
  if (error) return error->code();
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::kInternal;
}

}  // namespace litewright
