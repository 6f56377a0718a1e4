//! Reading scenarios.

use super::acts::acts;
use super::answers::answers;
use super::asks::check;
use super::people::set_up;
use super::postback::postback;
use super::words::{Words, Wrong, heard, said};
use super::{CONTACT, Item, Line, Report, Scenario, ScenarioError, read};
use crate::channel::InboundBody;
use crate::dialog::{Message, Moment, NAME_BYTES_MAX, Profile, Reach, ReceiptState, Source, Text};
use crate::runner::Clock as _;
use crate::testing::ManualClock;

/// Most sends that are accepted before one is refused.
const SENDS_MAX: u32 = 1000;

const SIGNS: &str = "a line begins with one of > < @ ! % ~ * = ? #, or with a contact's name and one \
                     of > < ! % * ?";

pub(super) fn scenario(text: &str) -> Result<Scenario, ScenarioError> {
    let refused = |line, reason| Err(ScenarioError { line, reason });
    if text.len() > Scenario::BYTES_MAX {
        let most = Scenario::BYTES_MAX;
        return refused(1, format!("a scenario has at most {most} bytes"));
    }
    let mut lines = Vec::new();
    let mut now = ManualClock::default().now();
    for (number, source) in (1..).zip(text.lines()) {
        if number > Scenario::LINES_MAX {
            let most = Scenario::LINES_MAX;
            return refused(number, format!("a scenario has at most {most} lines"));
        }
        let item = match item(source, now) {
            Ok(item) => item,
            Err(reason) => return refused(number, reason),
        };
        if let Item::Clock(then) | Item::Restarts(then) = item {
            now = then;
        }
        lines.push(Line {
            number,
            source: source.to_owned(),
            item,
        });
    }
    Ok(Scenario { lines })
}

fn item(source: &str, now: Moment) -> Result<Item, Wrong> {
    if source.trim().is_empty() || source.starts_with('#') {
        return Ok(Item::Silent);
    }
    let is_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-');
    let sign_at = source.find(|letter| !is_name(letter));
    let Some((name, signed)) = sign_at.map(|at| source.split_at(at)) else {
        return Err(SIGNS.to_owned());
    };
    let mut letters = signed.chars();
    let sign = letters.next().unwrap_or(' ');
    let rest = letters.as_str();
    let is_personal = matches!(sign, '>' | '<' | '!' | '%' | '*' | '?');
    if !(is_personal || name.is_empty() && matches!(sign, '@' | '~' | '=')) {
        return Err(SIGNS.to_owned());
    }
    let contact = contact(name)?;
    if sign == '!' {
        return acts(contact, rest);
    }
    let rest = rest
        .strip_prefix(' ')
        .ok_or_else(|| format!("expected a space after `{name}{sign}`, then what it says"))?;
    match sign {
        '>' => {
            let message = said(rest)?;
            Ok(Item::Says { contact, message })
        }
        '<' => {
            let wanted = heard(rest)?;
            Ok(Item::Hears { contact, wanted })
        }
        '%' => reports(contact, rest),
        '?' => {
            let check = check(rest)?;
            Ok(Item::Holds { contact, check })
        }
        '@' => clock(rest.trim_end(), now),
        '~' => answers(rest),
        '=' => set_up(rest.trim_end()),
        _ => postback(contact, rest),
    }
}

/// `+1h30m`, `restart +3h`
fn clock(rest: &str, now: Moment) -> Result<Item, Wrong> {
    match rest.strip_prefix("restart") {
        Some("") => Ok(Item::Restarts(now)),
        Some(then) if then.starts_with(' ') => {
            read::moment(then.trim_start(), now).map(Item::Restarts)
        }
        _ => read::moment(rest, now).map(Item::Clock),
    }
}

fn contact(name: &str) -> Result<String, Wrong> {
    match name {
        "" => Ok(CONTACT.to_owned()),
        CONTACT => Err(format!(
            "`{CONTACT}` is the contact of the lines without a name; choose another name"
        )),
        name if name.len() > NAME_BYTES_MAX => {
            Err(format!("a name has at most {NAME_BYTES_MAX} bytes"))
        }
        name => Ok(name.to_owned()),
    }
}

fn reports(contact: String, rest: &str) -> Result<Item, Wrong> {
    const REPORTS: &str = "blocked, unblocked, cannot_write, started, album, edited, wrote, moved, delivered, read, \
         failed, transient, ambiguous, refuse, duplicate or profile";
    let mut words = Words::new(rest);
    let what = words.need(REPORTS)?;
    let item = match what.as_str() {
        "blocked" => {
            let report = Report::Of(InboundBody::Reach(Reach::BlockedByContact));
            Item::Reports { contact, report }
        }
        "unblocked" => {
            let report = Report::Of(InboundBody::Reach(Reach::Ok));
            Item::Reports { contact, report }
        }
        "cannot_write" => {
            let cause = words.word()?;
            let cause = read::cause(cause.as_deref().unwrap_or("cannot_initiate"))?;
            let report = Report::Of(InboundBody::Reach(Reach::CannotWrite(cause)));
            Item::Reports { contact, report }
        }
        "started" => {
            let payload = words.word()?;
            let message = match &payload {
                Some(payload) => Message::new(format!("/start {payload}")),
                None => Message::new("/start"),
            };
            let source = source(&mut words)?;
            let payload = payload.map(Text::from);
            let report = Report::Started {
                payload,
                source,
                message,
            };
            Item::Reports { contact, report }
        }
        "album" => {
            let album = words.need("the album's name")?;
            let message = said(words.rest())?.of_album(album);
            let report = Report::Of(InboundBody::Message(message));
            return Ok(Item::Reports { contact, report });
        }
        "edited" => {
            let id = words.need("the channel's name of the message")?;
            let message = said(words.rest())?.with_external_id(id);
            let report = Report::Of(InboundBody::Edited(message));
            return Ok(Item::Reports { contact, report });
        }
        "wrote" => {
            let operator = words.need("who of ours wrote")?.into();
            let message = said(words.rest())?;
            let report = Report::Of(InboundBody::OperatorWrote { operator, message });
            return Ok(Item::Reports { contact, report });
        }
        "moved" => {
            let report = Report::Moved(words.need("the new address")?);
            Item::Reports { contact, report }
        }
        "delivered" => {
            let report = Report::Receipt(ReceiptState::Delivered);
            Item::Reports { contact, report }
        }
        "read" => {
            let report = Report::Receipt(ReceiptState::Read);
            Item::Reports { contact, report }
        }
        "failed" => {
            let reason = read::failure_reason(&words.need("why it was lost")?)?;
            let report = Report::Receipt(ReceiptState::Failed(reason));
            Item::Reports { contact, report }
        }
        "duplicate" => Item::Repeats { contact },
        "profile" => {
            let profile = profile(&mut words)?;
            Item::Tells { contact, profile }
        }
        "transient" | "ambiguous" | "refuse" if contact != CONTACT => {
            return Err(
                "the next send fails, whoever it is to; write it without a name".to_owned(),
            );
        }
        "transient" | "ambiguous" => refuses(&what, &mut words)?,
        "refuse" => refuses(&words.need("a failure")?, &mut words)?,
        _ => return Err(format!("expected {REPORTS}, found `{what}`")),
    };
    words.end()?;
    Ok(item)
}

/// `click_id=abc campaign=spring`: what was stored for the link beforehand.
fn source(words: &mut Words<'_>) -> Result<Option<Box<Source>>, Wrong> {
    let mut source = Source::default();
    while let Some(name) = words.name() {
        let text = Text::from(words.attached("NAME=VALUE, such as click_id=abc")?);
        let part = match name {
            "name" => &mut source.name,
            "platform" => &mut source.platform,
            "campaign" => &mut source.campaign,
            "ad_set" => &mut source.ad_set,
            "ad" => &mut source.ad,
            "click_id" => &mut source.click_id,
            name => {
                source.extra.insert(name.to_owned(), text);
                continue;
            }
        };
        *part = Some(text);
    }
    Ok((source != Source::default()).then(|| Box::new(source)))
}

/// `after 2` behind the failure, or nothing.
fn refuses(failure: &str, words: &mut Words<'_>) -> Result<Item, Wrong> {
    let class = read::send_error(failure)?;
    let mut after = 0;
    if words.peek() == "after" {
        words.need("after")?;
        let count = words.need("how many sends are accepted before it")?;
        after = (count.parse().ok())
            .filter(|count| *count <= SENDS_MAX)
            .ok_or_else(|| format!("expected a number up to {SENDS_MAX}, found `{count}`"))?;
    }
    Ok(Item::Refuses { class, after })
}

/// `language=pt-BR name="Anna Maria"`
fn profile(words: &mut Words<'_>) -> Result<Profile, Wrong> {
    const SHAPE: &str = "name=NAME or language=LANGUAGE, once each";
    let mut profile = Profile::default();
    while let Some(what) = words.name() {
        let told = words.attached(SHAPE)?;
        match what {
            "name" if profile.name.is_none() => profile.name = Some(told.into()),
            "language" if profile.language.is_none() => profile.language = Some(told),
            _ => return Err(format!("expected {SHAPE}, found `{what}`")),
        }
    }
    if profile == Profile::default() {
        return Err(format!("expected {SHAPE}"));
    }
    Ok(profile)
}
