//! A line that can't be read says what belongs there.

use chatflow_core::testing::Scenario;

#[test]
fn a_line_that_cannot_be_read_is_named() {
    refused_with(&[
        ("hello", "a line begins with"),
        ("  > hi", "a line begins with"),
        ("anna@ +1h", "a line begins with"),
        ("anna~ call crm 1", "a line begins with"),
        (">hi", "expected a space after `>`"),
        (">", "expected a space after `>`"),
        ("> ", "expected a text"),
        (">  hi", "blanks"),
        ("> hi ", "blanks"),
        ("> \"hi", "expected a JSON string"),
        ("> \"hi\" there", "expected the end of the line"),
        ("> ()", "expected a text"),
        ("> [picture] hi", "`picture` is none of photo, video"),
        ("> [photo]hi", "expected media such as [photo]"),
        ("> [photo", "expected media such as [photo]"),
        ("> [photo ]", "expected a text"),
        ("> [photo] ", "expected media such as [photo]"),
        ("> [photo]  hi", "blanks"),
        ("> [photo \"a.jpg] hi", "expected a JSON string"),
        ("> [photo \"a.jpg\" b] hi", "expected media such as [photo]"),
        ("< [Yes | No]", "`Yes` is none of photo, video"),
        ("< [photo] [Yes | No", "expected choices such as [Yes | No]"),
        (
            "< [photo] \"Hi\" Yes",
            "expected choices such as [Yes | No]",
        ),
        ("@ restart now", "expected +1h30m"),
        ("@ restarted", "expected +1h30m"),
        ("@ restart 2025-12-31T23:59:59Z", "never goes back"),
        ("< Well [Yes || No]", "can't be read as a choice"),
        ("< Well []", "expected a text"),
        ("< See [1] [Yes]", "can't be read as a choice"),
        ("< \"Well\" Yes", "expected choices such as [Yes | No]"),
        ("contact> hi", "choose another name"),
        ("@ soon", "expected +1h30m"),
        ("@ +", "expected a time such as"),
        ("@ +1w", "expected a time such as"),
        ("@ +5", "expected a time such as"),
        ("@ +99999999999999999999d", "expected a time such as"),
        ("@ +9999999d", "no further than the year 9999"),
        ("@ 2025-12-31T23:59:59Z", "never goes back"),
        ("!", "expected a space after `!`"),
        ("! take it", "expected the end of the line"),
        ("! status", "expected a status"),
        ("! dance", "expected status, step, flow"),
        ("! status auto status manual", "`status` is set twice"),
        ("! step a step b", "`step` and `flow` set one place"),
        ("! flow a step b", "`step` and `flow` set one place"),
        ("! status auto then step x", "expected status, step, flow"),
        ("! flow", "expected a flow"),
        ("! tag", "expected tags such as +vip"),
        ("! tag vip", "expected tags such as +vip"),
        ("! tag +", "expected a tag right behind its sign"),
        ("! tag + vip", "expected a tag right behind its sign"),
        ("! tag +vip cold", "expected status, step, flow"),
        ("! tag +\"vip", "expected a JSON string"),
        ("! field", "expected NAME=VALUE"),
        ("! field city", "expected NAME=VALUE"),
        ("! field city=", "expected NAME=VALUE"),
        ("! field city= Riga", "expected NAME=VALUE"),
        ("! field city=Riga city=Oslo", "`city` is set twice"),
        ("! data \"age\"=3", "expected NAME=VALUE"),
        ("! block dialog", "expected the end of the line"),
        ("! block contact now", "expected the end of the line"),
        ("! contact", "expected tag, field or name"),
        ("! contact blocked", "expected tag, field or name"),
        ("! contact name", "expected a text"),
        ("! contact tag +a field b=c", "expected the end of the line"),
        ("! status blocked", "write ! block"),
        ("! status error", "nobody sets `error`"),
        ("! reply", "expected a text"),
        ("! note hm", "! note is not supported yet"),
        ("! queue sales", "! queue is not supported yet"),
        ("! schedule +2h hi", "! schedule is not supported yet"),
        ("% broken", "expected blocked, unblocked"),
        ("% cannot_write maybe", "expected one of cannot_initiate"),
        ("% refuse", "expected a failure"),
        ("% transient after", "expected how many sends"),
        ("% transient after -1", "expected a number up to 1000"),
        (
            "% refuse removed after 1001",
            "expected a number up to 1000",
        ),
        ("% ambiguous twice", "expected the end of the line"),
        ("anna% transient", "write it without a name"),
        ("% profile", "expected name=NAME or language"),
        ("% profile age=3", "expected name=NAME or language"),
        (
            "% profile name=Anna name=Eva",
            "expected name=NAME or language",
        ),
        ("% profile name=", "expected name=NAME or language"),
        ("% failed", "expected why it was lost"),
        ("% failed badly", "expected one of transient"),
        ("% moved", "expected the new address"),
        ("% album", "expected the album's name"),
        ("% album a1", "expected a text"),
        ("% edited m7", "expected a text"),
        ("% wrote", "expected who of ours wrote"),
        ("~ call", "expected a port's name"),
        ("~ call crm", "expected JSON"),
        ("~ call crm {", "expected JSON"),
        ("? mood good", "expected status, step, data"),
        ("? status", "expected a status"),
        ("? data age", "expected NAME=VALUE"),
        ("? counter vip 1", "expected a built-in status"),
        ("? counter auto many", "expected a number"),
        ("? session closed", "expected bot, in_progress, none"),
        ("? needs_reply maybe", "expected yes, no"),
        ("? reach far", "expected ok, blocked_by_contact"),
        ("? change auto manual", "expected FROM TO by ACTOR"),
        (
            "? change auto manual by op",
            "expected contact, operator NAME",
        ),
        ("? change auto manual by media", "expected a name"),
        ("? refused", "expected a text"),
        ("? tag", "expected a tag"),
        ("? tag vip gone", "expected missing or nothing"),
        ("? can_send no", "expected yes, blocked_by_contact"),
        ("? card order", "expected FLOW STEP auto"),
        ("? card order name waiting", "expected auto, manual"),
        ("? set_by_hand maybe", "expected yes, no"),
        ("? calls", "expected the calling flows"),
        ("? sla ok", "? sla is not supported yet"),
        ("? unread 1", "? unread is not supported yet"),
    ]);
}

/// Each line is refused for its reason, and under its number.
pub(crate) fn refused_with(lines: &[(&str, &str)]) {
    for (line, reason) in lines {
        let text = format!("# first\n\n> hi\n{line}\n> never read");
        let error = Scenario::parse(&text).expect_err(line);
        assert_eq!(error.line, 4, "{line}: {error}");
        assert!(error.reason.contains(reason), "{line}: {error}");
    }
}

#[test]
fn scenarios_are_bounded() {
    let long = "#".repeat(Scenario::BYTES_MAX + 1);
    assert!(Scenario::parse(&long).is_err());
    let many = "\n".repeat(Scenario::LINES_MAX + 1);
    assert_eq!(
        Scenario::parse(&many).unwrap_err().line,
        Scenario::LINES_MAX + 1
    );
    let deep = format!("~ call crm {}", "[".repeat(100_000));
    assert!(Scenario::parse(&deep).is_err());
}
