//! What a webhook step sends, filled in.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::dialog::{Dialog, Text, Value};
use crate::flow::RenderError;
use crate::flow::compiled::{CompiledBody, CompiledJson, CompiledSource, CompiledWebhook};
use crate::flow::json;
use crate::flow::template::{RENDERED_BYTES_MAX, percent};

/// The header that says what a body is.
const CONTENT_TYPE: &str = "content-type";

impl CompiledWebhook {
    /// The request as its port gets it: a map of `method`, `url`, `headers` (a list of name and
    /// value), and, where there is a body, `body` and `content_type`.
    ///
    /// # Errors
    /// [`RenderError`] names the first value that isn't there, or says what else went wrong.
    pub(crate) fn request(&self, dialog: &dyn Dialog) -> Result<Value, RenderError> {
        let url = self.url.render(dialog)?;
        if leads_up(url.as_str()) {
            return Err(RenderError::WrongKind {
                operation: "url".to_owned(),
                found: "a `.` or `..` between slashes",
            });
        }
        let mut request = BTreeMap::from([
            ("method".to_owned(), Value::from(self.method)),
            ("url".to_owned(), Value::Text(url)),
        ]);
        let body = self.body.text(dialog)?;
        let mut content_type = None;
        let mut headers = Vec::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            let value = one_line(&value.render(dialog)?);
            // A body has one type: the one that the author names, or that of its form.
            if body.is_some() && name.eq_ignore_ascii_case(CONTENT_TYPE) {
                content_type = Some(value);
            } else {
                headers.push(Value::List(vec![Value::from(name.as_str()), value]));
            }
        }
        request.insert("headers".to_owned(), Value::List(headers));
        if let Some((text, usual)) = body {
            request.insert("body".to_owned(), Value::Text(text));
            let content_type = content_type.unwrap_or_else(|| Value::from(usual));
            request.insert("content_type".to_owned(), content_type);
        }
        Ok(Value::Map(request))
    }
}

impl CompiledBody {
    /// What is sent along, and its usual content type.
    fn text(&self, dialog: &dyn Dialog) -> Result<Option<(Text, &'static str)>, RenderError> {
        let (text, usual) = match self {
            Self::None => return Ok(None),
            Self::Text(template, usual) => (template.render(dialog)?, *usual),
            Self::Form(fields) => {
                let mut out = String::new();
                for (name, source) in fields {
                    let value = source.value(dialog)?;
                    let joint = if out.is_empty() { "" } else { "&" };
                    out.push_str(joint);
                    encode(name, &mut out)?;
                    out.push('=');
                    encode(&value.render(), &mut out)?;
                    limited(&out)?;
                }
                (Text::from(out), "application/x-www-form-urlencoded")
            }
            Self::Json(members) => {
                let value = object(members, dialog)?;
                let mut out = String::new();
                json::write(&value, &mut out);
                limited(&out)?;
                (Text::from(out), "application/json")
            }
        };
        Ok(Some((text, usual)))
    }
}

impl CompiledJson {
    fn value(&self, dialog: &dyn Dialog) -> Result<Value, RenderError> {
        Ok(match self {
            Self::Source(source) => source.value(dialog)?,
            Self::List(values) => {
                let values = values.iter().map(|value| value.value(dialog));
                Value::List(values.collect::<Result<_, _>>()?)
            }
            Self::Map(members) => object(members, dialog)?,
        })
    }
}

fn object(members: &[(String, CompiledJson)], dialog: &dyn Dialog) -> Result<Value, RenderError> {
    let members = members
        .iter()
        .map(|(name, value)| Ok((name.clone(), value.value(dialog)?)));
    Ok(Value::Map(members.collect::<Result<_, RenderError>>()?))
}

impl CompiledSource {
    /// The value, filled in.
    ///
    /// # Errors
    /// As [`Template::evaluate`](crate::Template::evaluate).
    pub(crate) fn value(&self, dialog: &dyn Dialog) -> Result<Value, RenderError> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Template(template) => template.evaluate(dialog),
        }
    }
}

/// Whether a part of an address's path is `.` or `..`, which leads up whoever resolves it. No
/// encoding helps: encoded dots are resolved like plain ones.
pub(super) fn leads_up(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.split('/').any(|part| matches!(part, "." | ".."))
}

fn encode(text: &str, out: &mut String) -> Result<(), RenderError> {
    percent::Encoding(out)
        .write_str(text)
        .map_err(|_| RenderError::TooLong)
}

fn limited(text: &str) -> Result<(), RenderError> {
    if text.len() > RENDERED_BYTES_MAX {
        return Err(RenderError::TooLong);
    }
    Ok(())
}

/// A header's value: nothing in it can begin another header.
fn one_line(text: &Text) -> Value {
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    let text: String = text.as_str().chars().map(plain).collect();
    Value::from(text)
}

#[cfg(test)]
mod tests;
