// Whatever is named: a location or an Error{kUsage}, and never a password on the screen.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "sqlite/database_url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const litewright::DatabaseLocation location = litewright::parse_database_url(text);
    const bool named = location.kind == litewright::DatabaseKind::kPostgres ? !location.secret_address.empty()
                                                                            : !location.path.empty();
    if (!named || location.display.empty()) std::abort();
  } catch (const litewright::Error& error) {
    if (error.code() != litewright::ErrorCode::kUsage) std::abort();
  }
  // A known secret in a known place does not come out again.
  const std::string secret = "postgresql://user:S3CRET" + text + "@host/db";
  try {
    if (litewright::parse_database_url(secret).display.find("S3CRET") != std::string::npos) std::abort();
  } catch (const litewright::Error& error) {
    if (std::string(error.what()).find("S3CRET") != std::string::npos) std::abort();
  }
  return 0;
}
