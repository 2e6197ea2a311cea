#include "serve/alert_channels.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/http_client.h"
#include "base/json_text.h"
#include "base/test_folder.h"

namespace litewright {
namespace {

const WallTime kNow = WallTime(std::chrono::hours(500000));

AlertMessage message_of(std::size_t notices, AlertReason reason = AlertReason::kAppeared) {
  AlertMessage message;
  for (std::size_t i = 0; i < notices; ++i) {
    message.notices.push_back({.reason = reason,
                               .database = "shop",
                               .finding = {.id = "wal.pinned",
                                           .severity = Severity::kCritical,
                                           .object = "pid 7",
                                           .meaning = "a reader pins the WAL",
                                           .remedy = "litewright locks shop"},
                               .since = kNow - std::chrono::minutes(5)});
  }
  return message;
}

TEST(AlertDocument, SaysItToPeopleAndToPrograms) {
  const AlertSettings alert = {.name = "ops", .channel = {.contacts = {"on call"}}};
  const auto document = alert_document(message_of(1), alert, "host-1", kNow);
  EXPECT_EQ(document["schema"], "litewright/alert/1");
  EXPECT_EQ(document["alert"], "ops");
  EXPECT_EQ(document["contacts"][0], "on call");
  EXPECT_EQ(document["text"], "critical: shop: a reader pins the WAL (pid 7); litewright locks shop");
  EXPECT_EQ(document["notices"][0]["reason"], "appeared");
  EXPECT_EQ(document["notices"][0]["finding"]["id"], "wal.pinned");
  EXPECT_EQ(document["more"], 0);
  const auto over = alert_document(message_of(1, AlertReason::kCleared), alert, "host-1", kNow);
  EXPECT_EQ(over["text"], "over: shop: a reader pins the WAL (pid 7), since 5 min");
}

TEST(AlertDocument, NamesTheContactsOfItsLevel) {
  const AlertSettings alert = {
      .name = "ops",
      .escalation = {{.channel = {.contacts = {"senior"}}}, {.channel = {.contacts = {"all"}}}}};
  AlertMessage message = message_of(1, AlertReason::kEscalated);
  message.level = 2;
  EXPECT_EQ(alert_document(message, alert, "h", kNow)["contacts"][0], "all");
}

TEST(AlertDocument, HasABoundHoweverManyDatabasesAreIll) {
  const auto document = alert_document(message_of(5000), {.name = "ops"}, "h", kNow);
  EXPECT_LE(document["notices"].size(), kMostNotices);
  EXPECT_EQ(document["more"].get<std::size_t>() + document["notices"].size(), 5000u);
  EXPECT_LT(json_text(document).size(), 120u << 10) << "no command could take it";
}

TEST(AlertDelivery, ToACommandArrivesOnItsStandardInput) {
  const TestFolder folder;
  const AlertChannel channel = {.command = "cat > '" + folder.path("told") + "'"};
  const auto document = alert_document(message_of(1), {.name = "it's \"ops\" $HOME `x`"}, "h", kNow);
  const auto all = deliveries(channel, document);
  ASSERT_EQ(all.size(), 1u);
  deliver(all[0], run_own_command);
  const auto told = parse_json(read_whole_file(folder.path("told"), 1 << 20));
  EXPECT_EQ(told["alert"], "it's \"ops\" $HOME `x`");
  EXPECT_THROW(deliver({.where = "exit 3"}, run_own_command), Error);
  deliver({.where = "cat > /dev/null; head -c 20000000 /dev/zero"}, run_own_command);
}

TEST(AlertDelivery, ToSyslogIsALineAFindingEachWithItsOwnLevel) {
  AlertMessage message = message_of(3);
  message.notices[0].finding.meaning = "two\nlines";
  message.notices[1].reason = AlertReason::kCleared;
  message.notices[1].finding.severity = Severity::kOk;
  message.notices[2].finding.severity = Severity::kWarning;
  const auto all = deliveries({.syslog = "local0"}, alert_document(message, {.name = "ops"}, "h", kNow));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].document,
            "<2>critical: shop: two lines (pid 7); litewright locks shop\n"
            "<5>over: shop: a reader pins the WAL (pid 7), since 5 min\n"
            "<4>warning: shop: a reader pins the WAL (pid 7); litewright locks shop\n");
}

TEST(AlertDelivery, ToAReceiverThatIsNotThereFailsWithoutItsSecret) {
  const AlertDelivery delivery = {.way = AlertWay::kWebhook,
                                  .where = "http://me:secret@127.0.0.1:1/secret?secret"};
  EXPECT_EQ(shown_delivery(delivery), "webhook http://127.0.0.1:1");
  try {
    deliver(delivery, run_own_command);
    ADD_FAILURE() << "somebody answered";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos) << error.what();
  }
}

TEST(AlertChannel, IsRefusedWhereNothingCanArrive) {
  require_channel({.webhook = "https://hooks.example/x", .syslog = "local7"});
  EXPECT_THROW(require_channel({.webhook = "file:///etc/passwd"}), Error);
  EXPECT_THROW(require_channel({.syslog = "local8"}), Error);
}

}  // namespace
}  // namespace litewright
