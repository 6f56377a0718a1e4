//! Steps that ask or tell somebody outside.

use super::{Compiler, joined};
use crate::dialog::Value;
use crate::flow::compiled::{
    CompiledAi, CompiledBody, CompiledJson, CompiledKind, CompiledSource, CompiledTrack,
    CompiledWebhook,
};
use crate::flow::kinds::{AiWords, Source, WebhookBody};
use crate::flow::request::leads_up;
use crate::flow::texts::CompiledTexts;
use crate::flow::{AiRoute, Memory, ProblemKind, Template, Texts, Track, Webhook, WebhookMethod};

impl Compiler<'_> {
    pub(super) fn ai_route(&mut self, route: &AiRoute) -> Option<CompiledKind> {
        if route.branches.is_empty() {
            self.problem(&["ai_route", "branches"], ProblemKind::NoChoices);
        }
        self.save_to(&["ai_route", "save"], route.save.as_ref());
        let descriptions = route.branches.iter();
        Some(CompiledKind::AiRoute {
            ai: Box::new(self.ai("ai_route", route.words())?),
            branches: descriptions.map(|(_, text)| text.as_str().into()).collect(),
            save: route.save.clone(),
        })
    }

    /// What a step says to a model.
    pub(super) fn ai(&mut self, key: &str, words: AiWords<'_>) -> Option<CompiledAi> {
        if words.model.is_some_and(|model| model.trim().is_empty()) {
            self.problem(&[key, "model"], ProblemKind::Blank { what: "model" });
        }
        if let Some(Memory(memory)) = words.memory
            && memory > Memory::MAX
        {
            let kind = ProblemKind::TooMuchMemory { memory };
            self.problem(&[key, "memory"], kind);
        }
        let goal = self.optional_texts(&[key, "goal"], words.goal);
        let notes = self.optional_texts(&[key, "notes"], words.notes);
        Some(CompiledAi {
            model: words.model.map(ToOwned::to_owned),
            goal: goal?,
            notes: notes?,
            memory: words.memory.map(|Memory(memory)| memory),
        })
    }

    /// Texts that may be left out; nothing where they can't be compiled.
    fn optional_texts(
        &mut self,
        at: &[&str],
        texts: Option<&Texts>,
    ) -> Option<Option<CompiledTexts>> {
        match texts {
            None => Some(None),
            Some(texts) => self.texts(at, texts).map(Some),
        }
    }

    /// The port that a step names, or the usual one.
    pub(super) fn port(&mut self, key: &str, named: Option<&str>, usual: &str) -> String {
        let port = named.unwrap_or(usual);
        if port.trim().is_empty() {
            self.problem(&[key, "port"], ProblemKind::Blank { what: "port" });
        }
        port.to_owned()
    }

    pub(super) fn track(&mut self, track: &Track) -> Option<CompiledKind> {
        if track.event.trim().is_empty() {
            self.problem(&["track", "event"], ProblemKind::Blank { what: "event" });
        }
        let port = self.port("track", track.port.as_deref(), Track::PORT);
        let value = track.value.as_ref();
        let value = value.map(|value| match &value.0 {
            Value::Text(_) | Value::Integer(_) | Value::Decimal(_) => {
                self.source(&["track", "value"], value)
            }
            _ => {
                self.problem(&["track", "value"], ProblemKind::NoNumber);
                None
            }
        });
        let parameters = track.parameters.iter();
        let parameters = parameters.map(|(name, source)| {
            let at = ["track", "parameters", name];
            Some((name.clone(), self.source(&at, source)?))
        });
        let parameters: Vec<_> = parameters.collect();
        Some(CompiledKind::Track(Box::new(CompiledTrack {
            port,
            event: track.event.clone(),
            value: value.map_or(Some(None), |value| value.map(Some))?,
            parameters: parameters.into_iter().collect::<Option<_>>()?,
        })))
    }

    pub(super) fn webhook(&mut self, webhook: &Webhook) -> Option<CompiledKind> {
        let port = self.port("webhook", webhook.port.as_deref(), Webhook::PORT);
        let url = self.address(&webhook.url);
        let headers = webhook.headers.iter().map(|(name, value)| {
            let at = ["webhook", "headers", name];
            if !is_token(name) {
                let name = name.clone();
                self.problem(&at, ProblemKind::BadHeader { name });
            }
            Some((name.clone(), self.template(&at, value)?))
        });
        let headers: Vec<_> = headers.collect();
        let body = self.body(&webhook.body);
        let method = webhook.called_by();
        if method == WebhookMethod::Get && webhook.body != WebhookBody::None {
            self.problem(&["webhook", "method"], ProblemKind::BodyOfGet);
        }
        self.save_to(&["webhook", "save"], webhook.save.as_ref());
        Some(CompiledKind::Webhook(Box::new(CompiledWebhook {
            port,
            method: method.label(),
            url: url?,
            headers: headers.into_iter().collect::<Option<_>>()?,
            body: body?,
            save: webhook.save.clone(),
        })))
    }

    /// The address, which must say by itself to which host the request goes.
    fn address(&mut self, url: &str) -> Option<Template> {
        let at = ["webhook", "url"];
        match Template::fixed_start(url) {
            Err(_) => {}
            Ok((start, is_all)) => {
                if let Some(reason) = fault_of_address(&start, is_all) {
                    self.problem(&at, ProblemKind::BadAddress { reason });
                    return None;
                }
            }
        }
        match Template::encoding(url) {
            Ok(template) => Some(template),
            Err(error) => {
                self.problem(&at, error.into());
                None
            }
        }
    }

    fn body(&mut self, body: &WebhookBody) -> Option<CompiledBody> {
        Some(match body {
            WebhookBody::None => CompiledBody::None,
            WebhookBody::Text(text) => {
                let text = self.template(&["webhook", "body"], text)?;
                CompiledBody::Text(text, "text/plain; charset=utf-8")
            }
            WebhookBody::Form(fields) => {
                let fields = fields.iter().map(|(name, source)| {
                    let at = ["webhook", "form", name];
                    Some((name.clone(), self.source(&at, source)?))
                });
                let fields: Vec<_> = fields.collect();
                CompiledBody::Form(fields.into_iter().collect::<Option<_>>()?)
            }
            WebhookBody::Json(members) => {
                let members = members.iter().map(|(name, Source(value))| {
                    let at = ["webhook", "json", name];
                    Some((name.clone(), self.json(&at, value)?))
                });
                let members: Vec<_> = members.collect();
                CompiledBody::Json(members.into_iter().collect::<Option<_>>()?)
            }
        })
    }

    /// A value whose texts are templates, however deep they stand in it.
    fn json(&mut self, at: &[&str], value: &Value) -> Option<CompiledJson> {
        Some(match value {
            Value::List(values) => {
                let values = values.iter().enumerate().map(|(n, value)| {
                    let n = n.to_string();
                    self.json(&joined(at, &[&n]), value)
                });
                let values: Vec<_> = values.collect();
                CompiledJson::List(values.into_iter().collect::<Option<_>>()?)
            }
            Value::Map(map) => {
                let members = map.iter().map(|(name, value)| {
                    let value = self.json(&joined(at, &[name]), value)?;
                    Some((name.clone(), value))
                });
                let members: Vec<_> = members.collect();
                CompiledJson::Map(members.into_iter().collect::<Option<_>>()?)
            }
            Value::Text(text) => {
                let template = self.template(at, text.as_str())?;
                CompiledJson::Source(CompiledSource::Template(template))
            }
            value => CompiledJson::Source(CompiledSource::Value(value.clone())),
        })
    }

    fn template(&mut self, at: &[&str], text: &str) -> Option<Template> {
        match Template::parse(text) {
            Ok(template) => Some(template),
            Err(error) => {
                self.problem(at, error.into());
                None
            }
        }
    }
}

/// What is wrong with an address whose text before the first placeholder is this.
fn fault_of_address(start: &str, is_all: bool) -> Option<&'static str> {
    let rest = start
        .strip_prefix("https://")
        .or_else(|| start.strip_prefix("http://"));
    let Some(rest) = rest else {
        return Some("begins neither with https:// nor with http://");
    };
    let end = rest.find(['/', '?', '#']);
    let host = &rest[..end.unwrap_or(rest.len())];
    if host.is_empty() || host.starts_with(':') {
        return Some("names no host");
    }
    if end.is_none() && !is_all {
        return Some("has a placeholder in its host; values could lead it anywhere");
    }
    if start
        .chars()
        .any(|letter| letter.is_whitespace() || letter.is_control() || letter == '\\')
    {
        return Some("has white space or a backslash in it");
    }
    if is_all && leads_up(start) {
        return Some("has `.` or `..` between slashes");
    }
    None
}

/// Whether a text can be a header's name (RFC 9110).
fn is_token(name: &str) -> bool {
    const SIGNS: &str = "!#$%&'*+-.^_`|~";
    !name.is_empty()
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || SIGNS.contains(letter))
}
