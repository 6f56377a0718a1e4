//! A tracker's report: `*` lines.

use super::acts::typed;
use super::play::{Became, Play, PlayError, became, key, no_dialog};
use super::words::{Words, Wrong};
use super::{Item, Line};
use crate::dialog::{DialogId, EventKey, Postback, Value};

/// A report, and whom it is of.
#[derive(Debug, Clone)]
pub(super) struct Report {
    contact: String,
    /// The click that the tracker names; the line's contact where it names none.
    click: Option<String>,
    /// The tracker's id of the transaction; the line's number where it names none.
    id: Option<String>,
    postback: Postback,
    /// Nobody came from that click.
    is_unknown: bool,
}

/// `postback sale 50 click=abc currency=EUR`
pub(super) fn postback(contact: String, rest: &str) -> Result<Item, Wrong> {
    const SHAPE: &str = "postback EVENT, perhaps an amount, click=, id= and NAME=VALUE, and at the \
                         end `unknown` where nobody came from that click";
    let mut words = Words::new(rest);
    if words.need(SHAPE)? != "postback" {
        return Err(format!("expected {SHAPE}"));
    }
    let mut report = Report {
        contact,
        click: None,
        id: None,
        postback: Postback::new(words.need("the event, such as sale")?),
        is_unknown: false,
    };
    loop {
        if let Some(name) = words.name() {
            let is_text = words.is_quoted();
            let text = words.attached(SHAPE)?;
            let is_new = match name {
                "click" => report.click.replace(text).is_none(),
                "id" => report.id.replace(text).is_none(),
                name => {
                    let value = match is_text {
                        true => Value::from(text),
                        false => typed(&text),
                    };
                    let parameters = &mut report.postback.parameters;
                    parameters.insert(name.to_owned(), value).is_none()
                }
            };
            if !is_new {
                return Err(format!("`{name}` is set twice"));
            }
            continue;
        }
        match words.word()?.as_deref() {
            None => break,
            Some("unknown") => {
                words.end()?;
                report.is_unknown = true;
            }
            Some(amount) if report.postback.amount.is_none() => {
                let amount = amount.parse();
                let amount = amount.map_err(|error| format!("expected {SHAPE}: {error}"))?;
                report.postback.amount = Some(amount);
            }
            Some(word) => return Err(format!("expected {SHAPE}, found `{word}`")),
        }
    }
    if report.is_unknown && report.click.is_none() {
        return Err("only a click can be unknown; name it with click=".to_owned());
    }
    Ok(Item::Postback(report))
}

impl Play<'_> {
    pub(super) async fn postback(&self, line: &Line, report: &Report) -> Result<Became, PlayError> {
        let found = match &report.click {
            Some(click) => self.of_click(line, click).await?,
            None => self.dialog(&report.contact).await?,
        };
        let dialog = match (found, &report.click) {
            (Some(dialog), _) if !report.is_unknown => dialog,
            (Some(_), _) => {
                return Ok(Became::Refused("a contact came from that click".to_owned()));
            }
            (None, _) if report.is_unknown => return Ok(Became::AsWritten),
            (None, None) => return Ok(Became::Refused(no_dialog(&report.contact))),
            (None, Some(click)) => {
                return Ok(Became::Refused(format!(
                    "no contact came from click `{click}`; end the line with `unknown` where that \
                     is meant"
                )));
            }
        };
        let key: EventKey = match &report.id {
            Some(id) => format!("postback:{id}").into(),
            None => key(line).into(),
        };
        let handled = self.worker.postback(dialog, key, report.postback.clone());
        became(line, handled.await)
    }

    /// The dialog of the contact who came from a click, first or last.
    async fn of_click(&self, line: &Line, click: &str) -> Result<Option<DialogId>, PlayError> {
        for contact in self.contacts() {
            let Some(dialog) = self.dialog(&contact).await? else {
                continue;
            };
            let Some(snapshot) = self.snapshot(line, dialog).await? else {
                continue;
            };
            let view = &snapshot.contact;
            let touches = [&view.first_source, &view.last_source];
            let mut clicks =
                (touches.into_iter().flatten()).filter_map(|touch| touch.source.click_id.as_ref());
            if clicks.any(|known| known.as_str() == click) {
                return Ok(Some(dialog));
            }
        }
        Ok(None)
    }
}
