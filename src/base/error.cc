#include "base/error.h"

#include <cerrno>
#include <system_error>

namespace litewright {

Error error_from_errno(int error_number, const std::string& doing, std::string hint) {
  ErrorCode code = ErrorCode::kIo;
  if (error_number == ENOENT || error_number == ENOTDIR) code = ErrorCode::kNoDatabase;
  if (error_number == EACCES || error_number == EPERM || error_number == EROFS) code = ErrorCode::kPermission;
  if (error_number == ENOSPC && hint.empty()) hint = "free some disk space, then try again";
  if (error_number == EROFS && hint.empty())
    hint = "the file system is mounted read-only: remount it, or name another place";
  if ((error_number == EACCES || error_number == EPERM) && hint.empty())
    hint = "run as a user who may, or change its owner or mode";
  return Error(code, doing + ": " + std::generic_category().message(error_number), std::move(hint));
}

}  // namespace litewright
