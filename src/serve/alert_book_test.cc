#include "serve/alert_book.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/json_text.h"

namespace litewright {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

OpenFinding finding(Severity severity, std::string id = "wal.pinned", std::string database = "shop") {
  return {.database = std::move(database), .finding = {.id = std::move(id), .severity = severity}};
}

const OpenFinding kWarning = finding(Severity::kWarning), kCritical = finding(Severity::kCritical);

// A book of one alert, and a clock that the test moves.
class Watch {
 public:
  explicit Watch(AlertSettings settings = {}) : book({with_name(std::move(settings))}, is_quiet()) {}

  // "appeared 0: wal.pinned", for each notice of each message.
  std::vector<std::string> look(const std::vector<OpenFinding>& open,
                                std::chrono::nanoseconds later = seconds(0)) {
    now += later;
    std::vector<std::string> said;
    for (const AlertMessage& message : book.look(open, now)) {
      for (const AlertNotice& notice : message.notices) {
        said.push_back(std::string(alert_reason_name(notice.reason)) + " " + std::to_string(message.level) +
                       ": " + notice.finding.id);
      }
    }
    return said;
  }

  bool quiet = false;
  WallTime now = WallTime(hours(1000));
  AlertBook book;

 private:
  static AlertSettings with_name(AlertSettings settings) {
    settings.name = "ops";
    return settings;
  }
  AlertBook::IsQuiet is_quiet() {
    return [this](const std::string& span, WallTime) { return span == "22:00-07:00" && quiet; };
  }
};

using Said = std::vector<std::string>;
const Said kNothing;

TEST(AlertBook, TellsAFindingOnceAndThenThatItIsOver) {
  Watch watch;
  EXPECT_EQ(watch.look({}), kNothing);
  EXPECT_EQ(watch.look({kWarning}), Said{"appeared 0: wal.pinned"});
  EXPECT_EQ(watch.look({kWarning}, minutes(5)), kNothing);
  EXPECT_EQ(watch.look({}, seconds(1)), kNothing) << "it may come back";
  EXPECT_EQ(watch.look({}, seconds(60)), Said{"cleared 0: wal.pinned"});
  EXPECT_EQ(watch.look({}, hours(9)), kNothing);
  EXPECT_EQ(watch.look({kWarning}), Said{"appeared 0: wal.pinned"}) << "and anew";
}

TEST(AlertBook, KeepsSilentWhileAFindingFlaps) {
  Watch watch;
  watch.look({kWarning});
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(watch.look({}, seconds(30)), kNothing);
    EXPECT_EQ(watch.look({kWarning}, seconds(20)), kNothing);
  }
}

TEST(AlertBook, TellsWhatWorsensAndNotWhatWaversAtTheLimit) {
  Watch watch;
  watch.look({kWarning});
  EXPECT_EQ(watch.look({kCritical}, seconds(1)), Said{"worsened 0: wal.pinned"});
  EXPECT_EQ(watch.look({kWarning}, seconds(1)), kNothing);
  EXPECT_EQ(watch.look({kCritical}, seconds(1)), kNothing);
  watch.look({kWarning}, seconds(1));
  watch.look({kWarning}, seconds(60));
  EXPECT_EQ(watch.look({kCritical}, seconds(1)), Said{"worsened 0: wal.pinned"})
      << "it was better for a while";
}

TEST(AlertBook, RepeatsWhatStaysOpenWhereThatIsWanted) {
  Watch watch({.repeat = hours(1)}), once({.repeat = seconds(0)});
  watch.look({kWarning});
  once.look({kWarning});
  EXPECT_EQ(watch.look({kWarning}, minutes(59)), kNothing);
  EXPECT_EQ(watch.look({kWarning}, minutes(1)), Said{"repeated 0: wal.pinned"});
  EXPECT_EQ(watch.look({kWarning}, minutes(59)), kNothing);
  EXPECT_EQ(once.look({kWarning}, hours(1000)), kNothing);
}

TEST(AlertBook, IsAboutTheDatabasesFindingsAndSeveritiesItNames) {
  Watch watch({.severity = Severity::kCritical, .databases = {"shop*"}, .findings = {"wal.*", "disk.*"}});
  EXPECT_EQ(watch.look({finding(Severity::kWarning), finding(Severity::kCritical, "size.large"),
                        finding(Severity::kCritical, "wal.large", "tenants"),
                        finding(Severity::kCritical, "disk.free", "shop/eu.db")}),
            Said{"appeared 0: disk.free"});
  EXPECT_EQ(watch.look({finding(Severity::kWarning, "disk.free", "shop/eu.db")}, seconds(1)), kNothing);
  EXPECT_EQ(watch.look({}, seconds(60)), Said{"cleared 0: disk.free"}) << "a warning is not its matter";
}

TEST(AlertBook, TellsThatADatabaseWasDeletedAndNotThatWhatItHadIsOver) {
  Watch watch({.databases = {"t*.db"}, .repeat = hours(1), .escalation = {{.after = minutes(15)}}});
  const OpenFinding missing = finding(Severity::kCritical, "database.missing", "t1.db");
  OpenFinding deleted = finding(Severity::kWarning, "database.deleted", "t1.db");
  deleted.deleted = true;
  watch.look({missing});
  EXPECT_EQ(watch.look({deleted, finding(Severity::kWarning, "database.deleted", "other.db")}),
            Said{"appeared 0: database.deleted"});
  EXPECT_EQ(watch.look({deleted}, minutes(59)), kNothing) << "over, or escalated";
  EXPECT_EQ(watch.look({deleted}, minutes(1)), Said{"repeated 0: database.deleted"});
  Watch restarted({.databases = {"t*.db"}});
  restarted.now = watch.now;
  restarted.book.restore(parse_ordered_json(json_text(watch.book.kept())));
  restarted.book.forget(AlertBook::kDeleted);
  EXPECT_EQ(watch.look({}, seconds(1)), kNothing);
  EXPECT_EQ(watch.look({}, minutes(1)), (Said{"cleared 0: database.deleted", "cleared 0: database.missing"}))
      << "it is back";
  EXPECT_EQ(restarted.look({}, seconds(1)), kNothing);
  EXPECT_EQ(restarted.look({}, minutes(1)), kNothing) << "whether it is back nobody knows";
}

TEST(AlertBook, EscalatesTwiceWhileItStaysCriticalAndTellsAllThatItIsOver) {
  Watch watch({.repeat = hours(1), .escalation = {{.after = minutes(15)}, {.after = minutes(45)}}});
  EXPECT_EQ(watch.look({kWarning}), Said{"appeared 0: wal.pinned"});
  EXPECT_EQ(watch.look({kWarning}, minutes(20)), kNothing) << "a warning is nobody else's matter";
  EXPECT_EQ(watch.look({kCritical}), Said{"worsened 0: wal.pinned"}) << "nobody had the time to mend it";
  EXPECT_EQ(watch.look({kCritical}, minutes(14)), kNothing);
  EXPECT_EQ(watch.look({kCritical}, minutes(1)), Said{"escalated 1: wal.pinned"});
  EXPECT_EQ(watch.look({kCritical}, minutes(29)), kNothing);
  EXPECT_EQ(watch.look({kCritical}, minutes(1)), Said{"escalated 2: wal.pinned"});
  EXPECT_EQ(watch.look({kCritical}, minutes(15)),
            (Said{"repeated 0: wal.pinned", "repeated 1: wal.pinned", "repeated 2: wal.pinned"}));
  watch.look({}, seconds(1));
  EXPECT_EQ(watch.look({}, minutes(1)),
            (Said{"cleared 0: wal.pinned", "cleared 1: wal.pinned", "cleared 2: wal.pinned"}));
}

TEST(AlertBook, CountsAnEscalationFromWhenItBecameCritical) {
  const AlertSettings settings = {.repeat = hours(0), .escalation = {{.after = minutes(15)}}};
  Watch watch(settings), restarted(settings);
  watch.look({kWarning});
  watch.look({kWarning}, hours(48));
  watch.look({kCritical});
  EXPECT_EQ(watch.look({kWarning}, minutes(14)), kNothing);
  EXPECT_EQ(watch.look({kCritical}, seconds(59)), kNothing);
  restarted.now = watch.now;
  restarted.book.restore(parse_ordered_json(json_text(watch.book.kept())));
  EXPECT_EQ(watch.look({kCritical}, seconds(1)), Said{"escalated 1: wal.pinned"}) << "it wavered";
  EXPECT_EQ(restarted.look({kCritical}, seconds(1)), Said{"escalated 1: wal.pinned"});
}

TEST(AlertBook, CountsAnEscalationAnewWhereItWasBetterForAWhile) {
  Watch watch({.repeat = hours(0), .escalation = {{.after = minutes(15)}}});
  watch.look({kCritical});
  watch.look({kWarning}, minutes(14));
  watch.look({kWarning}, minutes(1));
  EXPECT_EQ(watch.look({kCritical}, hours(1)), Said{"worsened 0: wal.pinned"});
  EXPECT_EQ(watch.look({kCritical}, minutes(14)), kNothing);
  EXPECT_EQ(watch.look({kCritical}, minutes(1)), Said{"escalated 1: wal.pinned"});
}

TEST(AlertBook, WaitsForTheEndOfQuietHoursWithAllButWhatIsCritical) {
  Watch watch({.quiet_hours = "22:00-07:00"});
  watch.quiet = true;
  EXPECT_EQ(watch.look({kWarning}), kNothing);
  EXPECT_EQ(watch.look({kCritical}, minutes(1)), Said{"appeared 0: wal.pinned"});
  watch.look({}, minutes(1));
  EXPECT_EQ(watch.look({}, minutes(1)), Said{"cleared 0: wal.pinned"});
  EXPECT_EQ(watch.look({kWarning}, minutes(1)), kNothing);
  watch.quiet = false;
  EXPECT_EQ(watch.look({kWarning}, hours(5)), Said{"appeared 0: wal.pinned"});
  watch.quiet = true;
  EXPECT_EQ(watch.look({kWarning}, hours(20)), kNothing) << "no repeating";
  watch.look({}, minutes(1));
  EXPECT_EQ(watch.look({}, minutes(1)), kNothing);
  watch.quiet = false;
  EXPECT_EQ(watch.look({}, hours(5)), Said{"cleared 0: wal.pinned"});
  watch.quiet = true;
  watch.look({kWarning}, minutes(1));
  watch.look({}, minutes(1));
  watch.quiet = false;
  EXPECT_EQ(watch.look({}, hours(5)), kNothing) << "it came and went in the night";
}

TEST(AlertBook, PutsAllOfOneChannelIntoOneMessage) {
  Watch watch;
  std::vector<OpenFinding> open;
  for (int i = 0; i < 1000; ++i) open.push_back(finding(Severity::kCritical, "disk.free", std::to_string(i)));
  const auto messages = watch.book.look(open, watch.now);
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].notices.size(), 1000u);
}

TEST(AlertBook, RemembersWhatWasToldOverARestart) {
  AlertSettings settings = {.escalation = {{.after = minutes(15)}}};
  Watch before(settings), after(settings);
  before.look({kCritical, finding(Severity::kWarning, "size.large")});
  before.look({kCritical, finding(Severity::kWarning, "size.large")}, minutes(15));
  after.now = before.now;
  after.book.restore(parse_ordered_json(json_text(before.book.kept())));
  EXPECT_EQ(after.look({kCritical}), kNothing);
  EXPECT_EQ(after.look({kCritical}, minutes(1)), Said{"cleared 0: size.large"}) << "gone meanwhile";
  EXPECT_EQ(after.look({}, seconds(1)), kNothing);
  EXPECT_EQ(after.look({}, minutes(1)), (Said{"cleared 0: wal.pinned", "cleared 1: wal.pinned"}));
  for (const char* bad :
       {"[]", "{}", "{\"told\":7}", "{\"told\":[7,{}]}", "{\"told\":[{\"alert\":\"ops\"}]}"})
    after.book.restore(parse_ordered_json(bad));
  EXPECT_EQ(after.look({}), kNothing);
}

}  // namespace
}  // namespace litewright
