// The one exception type of Litewright. Its code decides the program's exit status; its hint says what to
// type next.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace litewright {

// Exit statuses as DESIGN.md fixes them (64 to 78 are sysexits.h's numbers).
enum class ErrorCode : int {
  kUsage = 64,
  kDamaged = 65,           // data that is not what it should be: a corrupt database, segment, WAL
  kNoDatabase = 66,        // the database, file or restore point asked for does not exist
  kStoreUnreachable = 69,  // the archive's store can't be reached
  kInternal = 70,          // a broken invariant of our own
  kCantCreate = 73,
  kIo = 74,  // I/O error or disk full
  kLocked = 75,
  kPermission = 77,
  kConfig = 78,
};

// Thrown where a fault happens, with the values that matter; reported once, at the top.
// `message` is one lower-case line; `hint` is the next command or step, empty where there is none.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message, std::string hint = "")
      : std::runtime_error(message), code_(code), hint_(std::move(hint)) {}

  ErrorCode code() const { return code_; }
  int exit_status() const { return static_cast<int>(code_); }
  const std::string& hint() const { return hint_; }

 private:
  ErrorCode code_;
  std::string hint_;
};

// Makes an Error from errno: ENOENT -> kNoDatabase, EACCES/EPERM/EROFS -> kPermission, everything else ->
// kIo. `doing` says what was tried on what ("open /data/app.db"); the message becomes "open /data/app.db: No
// such file …".
Error error_from_errno(int error_number, const std::string& doing, std::string hint = "");

}  // namespace litewright
