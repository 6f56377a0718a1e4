//! Reading what those outside answer: `~` lines.

use super::Item;
use super::outside::Given;
use super::words::{Words, Wrong};
use crate::dialog::Text;
use crate::runner::{BotDone, BotReply, ModelReply, PortError, WebhookResponse};
use crate::testing::Planned;

/// What a model says where it is to make no sense: no branch is called so.
const NONSENSE: &str = "nonsense, and no branch of any step";

/// `ai reply "text"`, `http late 200 {}`, `call crm later`
pub(super) fn answers(rest: &str) -> Result<Item, Wrong> {
    const WHO: &str = "ai, http, recognise, translate, bot or call, and an answer";
    let mut words = Words::new(rest);
    let who = words.need(WHO)?;
    let port = match who.as_str() {
        "call" => words.need("a port's name")?,
        _ => String::new(),
    };
    let is_late = words.peek() == "late";
    if is_late {
        words.need("late")?;
    }
    let given = match who.as_str() {
        "ai" => Given::Model(planned(&mut words, is_late, model)?),
        "http" => Given::Webhook(planned(&mut words, is_late, webhook)?),
        "recognise" => Given::Recogniser(planned(&mut words, is_late, texts)?),
        "translate" => Given::Translator(planned(&mut words, is_late, texts)?),
        "bot" => Given::Bot(planned(&mut words, is_late, bot)?),
        "call" => Given::Port(port, planned(&mut words, is_late, json)?),
        _ => return Err(format!("expected {WHO}, found `{who}`")),
    };
    words.end()?;
    Ok(Item::Answers { given, is_late })
}

/// What anybody can do to a call, or an answer of his own.
fn planned<A>(
    words: &mut Words<'_>,
    is_late: bool,
    answer: impl FnOnce(&mut Words<'_>) -> Result<A, Wrong>,
) -> Result<Planned<A>, Wrong> {
    let word = words.peek();
    let planned = match word {
        "later" | "never" if is_late => {
            return Err(format!(
                "a late answer is an answer or a failure, not `{word}`"
            ));
        }
        "later" => Planned::Held,
        "never" => Planned::Never,
        "error" | "refused" => {
            words.need(word)?;
            let error = PortError::refused();
            return Ok(Planned::Fails(match words.word()? {
                Some(detail) => error.with_detail(detail),
                None => error,
            }));
        }
        "transient" => Planned::Fails(PortError::transient()),
        "timeout" => Planned::Fails(PortError::timed_out()),
        _ => return answer(words).map(Planned::Answers),
    };
    words.need(word)?;
    Ok(planned)
}

const FAILURES: &str = "error, transient, timeout, never or later";

/// `route "buy"`, `reply "text" in 1000 out 200`, `nonsense`
fn model(words: &mut Words<'_>) -> Result<ModelReply, Wrong> {
    let expected = || format!("expected route BRANCH, reply TEXT, nonsense, {FAILURES}");
    let text = match words.word()?.as_deref() {
        Some("route") => words.need("the branch")?,
        Some("reply") => words.need("what the model says")?,
        Some("nonsense") => NONSENSE.to_owned(),
        Some(word) => return Err(format!("{}, found `{word}`", expected())),
        None => return Err(expected()),
    };
    let reply = ModelReply::new(text);
    if words.peek().is_empty() {
        return Ok(reply);
    }
    Ok(reply.used(tokens(words, "in")?, tokens(words, "out")?))
}

fn tokens(words: &mut Words<'_>, side: &str) -> Result<u64, Wrong> {
    const SHAPE: &str = "tokens, such as in 1000 out 200";
    let word = words.need(SHAPE)?;
    if word != side {
        return Err(format!("expected {SHAPE}, found `{word}`"));
    }
    let count = words.need(SHAPE)?;
    count
        .parse()
        .map_err(|_| format!("expected {SHAPE}, found `{count}`"))
}

/// `200 {"left": 3}`, `500`
fn webhook(words: &mut Words<'_>) -> Result<WebhookResponse, Wrong> {
    let expected =
        || format!("expected a status from 100 to 599, perhaps with JSON, or {FAILURES}");
    let word = words.word()?.ok_or_else(expected)?;
    let status = (word.parse().ok())
        .filter(|status| (100..600).contains(status))
        .ok_or_else(|| format!("{}, found `{word}`", expected()))?;
    let body = match words.take_rest() {
        "" => crate::Value::Null,
        json => serde_json::from_str(json).map_err(|error| format!("expected JSON: {error}"))?,
    };
    Ok(WebhookResponse { status, body })
}

/// `"one" "two"`
fn texts(words: &mut Words<'_>) -> Result<Vec<Text>, Wrong> {
    let mut texts = Vec::new();
    while words.is_quoted() {
        texts.push(words.need("a text")?.into());
    }
    match texts.is_empty() {
        false => Ok(texts),
        true => Err(format!(
            "expected texts as JSON strings, as many as are asked for, or {FAILURES}"
        )),
    }
}

/// `"text"`, `"text" done`, `handoff`
fn bot(words: &mut Words<'_>) -> Result<BotReply, Wrong> {
    let mut reply = BotReply::default();
    while words.is_quoted() {
        reply.messages.push(words.need("a text")?.into());
    }
    reply.done = match words.word()?.as_deref() {
        None if !reply.messages.is_empty() => None,
        Some("done") => Some(BotDone::Finished),
        Some("handoff") => Some(BotDone::HandOff),
        found => {
            let found = found.map_or(String::new(), |word| format!(", found `{word}`"));
            return Err(format!(
                "expected texts as JSON strings, done, handoff, {FAILURES}{found}"
            ));
        }
    };
    Ok(reply)
}

fn json(words: &mut Words<'_>) -> Result<crate::Value, Wrong> {
    serde_json::from_str(words.take_rest())
        .map_err(|error| format!("expected JSON, refused, {FAILURES}: {error}"))
}
