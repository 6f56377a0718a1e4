use std::collections::VecDeque;

use serde_json::{Value, json};

use super::refusal::{Outcome, Refusal};

/// Something that goes wrong with one request.
///
/// Unless it says otherwise, the server does not act on a request it fails.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// Telegram's own error form, with any code and text.
    Api {
        /// `error_code` and the HTTP status.
        code: u16,
        /// `description`.
        description: String,
        /// `parameters`, if any.
        parameters: Option<Value>,
    },
    /// A proxy's page instead of JSON, with this status. It acts if the status is a success.
    Html(u16),
    /// No body at all, with this status. It acts if the status is a success.
    Empty(u16),
    /// Status 200 and half a JSON body. **It acts**: what was asked for is done.
    NotJson,
    /// Reads the request and never answers.
    Hang {
        /// Whether what was asked for is done all the same.
        acts: bool,
    },
    /// Closes the connection without reading the request's body.
    CloseBeforeReading,
    /// Does what was asked for and closes the connection instead of answering.
    CloseAfterActing,
    /// Status 429.
    RetryAfter {
        /// The wait, in seconds.
        seconds: u64,
        /// Whether `parameters.retry_after` says so too, or the text alone.
        with_parameters: bool,
    },
    /// Status 500 with Telegram's JSON.
    ServerError,
}

impl Fault {
    /// Telegram's own error form without parameters.
    pub fn api(code: u16, description: &str) -> Self {
        Self::Api {
            code,
            description: description.into(),
            parameters: None,
        }
    }

    /// Whether the request takes effect before it fails.
    pub(crate) fn acts(&self) -> bool {
        match self {
            Self::NotJson | Self::CloseAfterActing | Self::Hang { acts: true } => true,
            Self::Html(status) | Self::Empty(status) => (200..300).contains(status),
            _ => false,
        }
    }

    /// The error, for faults that are said in Telegram's own form.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Api {
                code,
                description,
                parameters,
            } => Some(Refusal {
                code: *code,
                description: description.clone(),
                parameters: parameters.clone(),
            }),
            Self::RetryAfter {
                seconds,
                with_parameters,
            } => {
                let mut refusal = Refusal::retry_after(*seconds);
                if !with_parameters {
                    refusal.parameters = None;
                }
                Some(refusal)
            }
            Self::ServerError => Some(Refusal::new(500, "Internal Server Error")),
            _ => None,
        }
    }

    /// Status, media type and body of a spoilt answer; `None` where nothing is answered.
    pub(crate) fn answer(&self, outcome: Option<&Outcome>) -> Option<(u16, &'static str, String)> {
        if let Some(refusal) = self.refusal() {
            return Some((refusal.code, "application/json", refusal.body().to_string()));
        }
        match self {
            Self::Html(status) => Some((*status, "text/html", html_page(*status))),
            Self::Empty(status) => Some((*status, "application/json", String::new())),
            Self::NotJson => {
                let result = outcome.and_then(|outcome| outcome.as_ref().ok());
                let mut body = json!({ "ok": true, "result": result }).to_string();
                let half = (0..=body.len() / 2)
                    .rev()
                    .find(|at| body.is_char_boundary(*at))
                    .unwrap_or(0);
                body.truncate(half);
                Some((200, "application/json", body))
            }
            _ => None,
        }
    }
}

/// A fault and the requests it is meant for.
#[derive(Clone, Debug)]
struct Planned {
    /// Lower case; `None` is any method but `getUpdates`.
    method: Option<String>,
    left: usize,
    fault: Fault,
}

/// Faults still to come, the first that fits is taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    planned: VecDeque<Planned>,
}

impl Faults {
    pub(crate) fn plan(&mut self, method: Option<&str>, count: usize, fault: Fault) {
        if count > 0 {
            self.planned.push_back(Planned {
                method: method.map(str::to_ascii_lowercase),
                left: count,
                fault,
            });
        }
    }

    pub(crate) fn clear(&mut self) {
        self.planned.clear();
    }

    pub(crate) fn left(&self) -> usize {
        self.planned.iter().map(|planned| planned.left).sum()
    }

    pub(crate) fn take(&mut self, method: &str) -> Option<Fault> {
        let at = self.planned.iter().position(|planned| {
            planned
                .method
                .as_ref()
                .map_or(method != "getupdates", |wanted| wanted == method)
        })?;
        let planned = &mut self.planned[at];
        planned.left -= 1;
        let fault = planned.fault.clone();
        if planned.left == 0 {
            self.planned.remove(at);
        }
        Some(fault)
    }
}

fn html_page(status: u16) -> String {
    let name = match status {
        502 => "Bad Gateway",
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        _ => "Error",
    };
    format!(
        "<html>\r\n<head><title>{status} {name}</title></head>\r\n<body>\r\n<center><h1>{status} {name}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
}
