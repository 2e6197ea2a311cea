#include "serve/http_access.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/error.h"
#include "base/test_folder.h"

namespace litewright {
namespace {

const std::string kToken = "0123456789abcdef0123";

HttpRequest request_with(std::map<std::string, std::string, std::less<>> headers) {
  return {.method = "GET", .target = "/", .headers = std::move(headers), .from_loopback = true};
}

TEST(ListenAddress, IsAnAddressWithAPort) {
  EXPECT_EQ(parse_listen_address("127.0.0.1:7070").port, 7070);
  EXPECT_TRUE(parse_listen_address("127.8.0.1:1").loopback());
  EXPECT_TRUE(parse_listen_address("localhost:0").loopback());
  EXPECT_EQ(parse_listen_address("[::1]:7070").host, "::1");
  EXPECT_TRUE(parse_listen_address("[::1]:7070").loopback());
  EXPECT_FALSE(parse_listen_address("0.0.0.0:7070").loopback());
  EXPECT_FALSE(parse_listen_address("[::]:7070").loopback());
  for (const std::string bad : {"", "7070", ":7070", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
                                "127.0.0.1:70000", "::1:7070", "db.example:7070", "127.0.0.1:70 "}) {
    EXPECT_THROW(parse_listen_address(bad), Error) << bad;
  }
}

TEST(AccessRules, NeedATokenBeyondThisMachine) {
  require_safe_listening(parse_listen_address("127.0.0.1:7070"), {});
  require_safe_listening(parse_listen_address("0.0.0.0:7070"), {.token = kToken});
  try {
    require_safe_listening(parse_listen_address("0.0.0.0:7070"), {});
    ADD_FAILURE() << "it would be open to everybody";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_status(), 78);
    EXPECT_NE(error.hint().find("token_file"), std::string::npos);
  }
}

TEST(Token, IsTheFirstLineOfAFileThatOthersCannotWrite) {
  const TestFolder folder;
  const std::string file = folder.path("token");
  EXPECT_THROW(read_token(file), Error) << "there is none";
  std::ofstream(file) << kToken << "\nanother line\n";
  EXPECT_EQ(read_token(file), kToken);
  for (const std::string around : {" \n", "\t \r\n", "\r", "  "}) {
    std::ofstream(file) << " " << kToken << around;
    EXPECT_EQ(read_token(file), kToken) << "nobody sees blanks at its end, and no client sends them";
  }
  ::chmod(file.c_str(), 0666);
  EXPECT_THROW(read_token(file), Error) << "others may write it";
  ::chmod(file.c_str(), 0600);
  std::ofstream(file) << "tooshort\n";
  try {
    read_token(file);
    ADD_FAILURE() << "it is too short";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_status(), 78);
    EXPECT_EQ(std::string(error.what()).find("tooshort"), std::string::npos) << "the token in a message";
  }
}

struct HostCase {
  const char *host, *origin;
  bool refused;
};

TEST(AccessRules, LetNoForeignNameAndNoForeignPageIn) {
  const AccessRules rules = {.hosts = {"db.example", "Other.Example:8443"}};
  for (const HostCase& c : {HostCase{"127.0.0.1:7070", "", false},
                            {"localhost", "", false},
                            {"LocalHost.:7070", "", false},
                            {"[::1]:7070", "", false},
                            {"10.1.2.3:7070", "", false},
                            {"db.example:80", "", false},
                            {"other.example", "", false},
                            {"evil.example", "", true},
                            {"127.0.0.1.evil.example", "", true},
                            {"db.example.evil.example", "", true},
                            {"localhost, evil.example", "", true},
                            {"127.0.0.1:7070", "http://127.0.0.1:7070", false},
                            {"127.0.0.1", "http://localhost:3000", false},
                            {"127.0.0.1", "https://db.example", false},
                            {"10.1.2.3:7070", "http://10.1.2.3:7070", false},
                            {"127.0.0.1", "http://evil.example", true},
                            {"127.0.0.1", "http://6.6.6.6", true},
                            {"127.0.0.1", "null", true},
                            {"127.0.0.1", "http://", true}}) {
    HttpRequest request = request_with({{"host", c.host}});
    if (*c.origin != '\0') request.headers["origin"] = c.origin;
    const auto refused = refuse_foreign(request, rules);
    EXPECT_EQ(refused.has_value(), c.refused) << c.host << " " << c.origin;
    EXPECT_EQ(refused ? refused->status : 403, 403);
  }
  HttpRequest empty = request_with({{"host", "127.0.0.1"}, {"origin", ""}});
  EXPECT_TRUE(refuse_foreign(empty, rules));
}

TEST(AccessRules, WithATokenEverybodyNeedsIt) {
  HttpRequest local = request_with({});
  HttpRequest remote = request_with({});
  remote.from_loopback = false;
  EXPECT_TRUE(may_ask(local, {}));
  EXPECT_FALSE(may_ask(remote, {}));
  const AccessRules rules = {.token = kToken};
  EXPECT_FALSE(may_ask(local, rules));
  for (const auto& [given, good] : {std::pair<std::string, bool>{"Bearer " + kToken, true},
                                    {"bearer " + kToken, true},
                                    {"Bearer  " + kToken + " ", true},
                                    {"Bearer " + kToken + "x", false},
                                    {"Bearer " + kToken.substr(1), false},
                                    {"Bearer ", false},
                                    {"Basic " + kToken, false},
                                    {kToken, false}}) {
    remote.headers["authorization"] = given;
    EXPECT_EQ(may_ask(remote, rules), good) << given;
    EXPECT_EQ(has_token(remote, rules), good) << given;
  }
  remote.headers["authorization"] = "Bearer ";
  EXPECT_FALSE(has_token(remote, {})) << "no token is no empty token";
}

}  // namespace
}  // namespace litewright
