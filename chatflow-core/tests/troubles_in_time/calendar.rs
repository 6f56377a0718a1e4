//! The ends of the calendar, and the night when clocks go back.

use crate::rig::holds;

/// FL-53: input never panics. A delay that ends past the calendar's last day waits, also in a zone
/// east of UTC.
#[test]
fn a_delay_waits_at_the_end_of_the_calendar() {
    holds(
        "flow: f
bot: {time_zone: Europe/Kyiv}
steps:
  wait:
    delay: {for: 99999999d, until: '10:00'}
  done:
    send: Thank you.
    finish: finished
",
        "> hi
? status auto
? step wait
",
    );
}

/// FL-53: the same holds with quiet hours.
#[test]
fn a_delay_waits_at_the_end_of_the_calendar_with_quiet_hours() {
    holds(
        "flow: f
bot:
  time_zone: Europe/Kyiv
  quiet_hours: {from: '22:00', to: '08:00'}
steps:
  wait:
    delay: 99999999d
  done:
    send: Thank you.
    finish: finished
",
        "> hi
? status auto
? step wait
",
    );
}

/// FL-20: where clocks go back in the night, quiet hours end at the first of two equal times of
/// day, and don't begin again before their next evening.
#[test]
fn quiet_hours_end_once_the_night_clocks_go_back() {
    holds(
        "flow: f
bot:
  time_zone: Europe/Berlin
  quiet_hours: {from: '22:00', to: '02:30'}
steps:
  wait:
    delay: 10m
  done:
    send: Here I am.
    finish: finished
",
        "@ 2026-10-25T01:00:00Z
> hi
@ +31m
< Here I am.
",
    );
}
