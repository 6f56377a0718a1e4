//! How the fake is made to fail, in all wordings of the corpus.

use chatflow_core::SendErrorClass as Class;
use chatflow_core::testing::channel_kit::Failure;
use chatflow_telegram::testing::{ErrorCase, Fault, error_corpus};
use serde_json::{Value, json};

/// All ways in which a failure can look; `None` is an outage.
pub(crate) fn ways(failure: &Failure, elsewhere: i64) -> Vec<Option<Fault>> {
    let faults = match failure {
        Failure::BeforeSending => return vec![None],
        Failure::Class(class) => of_class(class, elsewhere),
        Failure::UnknownRefusal => vec![
            Fault::api(400, "Bad Request: the moon is in the wrong phase"),
            Fault::api(403, "Forbidden: on Sundays"),
        ],
        Failure::AfterSending => vec![Fault::CloseAfterActing],
        Failure::Garbled => vec![Fault::NotJson, Fault::Html(200), Fault::Empty(200)],
        Failure::Hang => vec![Fault::Hang { acts: true }],
        _ => Vec::new(),
    };
    faults.into_iter().map(Some).collect()
}

fn of_class(class: &Class, elsewhere: i64) -> Vec<Fault> {
    match class {
        Class::Transient { retry_after: None } => vec![
            Fault::ServerError,
            Fault::Html(502),
            Fault::Html(504),
            Fault::Empty(503),
        ],
        Class::Transient {
            retry_after: Some(wait),
        } => {
            let flood = |with_parameters| Fault::RetryAfter {
                seconds: wait.as_secs(),
                with_parameters,
            };
            vec![flood(true), flood(false)]
        }
        Class::Ambiguous => vec![Fault::CloseAfterActing, Fault::NotJson, Fault::Html(200)],
        Class::Moved(_) => vec![Fault::Api {
            code: 400,
            description: "Bad Request: group chat was upgraded to a supergroup chat".into(),
            parameters: Some(json!({ "migrate_to_chat_id": elsewhere })),
        }],
        Class::ChannelDown => of_meaning(&["token", "other_poller"]),
        Class::Blocked => of_meaning(&["blocked"]),
        Class::Gone => of_meaning(&["gone"]),
        Class::CannotInitiate => of_meaning(&["cannot_initiate"]),
        Class::InvalidTarget => of_meaning(&["invalid_target"]),
        Class::Removed => of_meaning(&["removed"]),
        Class::NoRights => of_meaning(&["no_rights"]),
        Class::UnknownRecipient => of_meaning(&["unknown_recipient"]),
        Class::WindowClosed => of_meaning(&["window_closed"]),
        Class::ConnectionLost => of_meaning(&["connection_lost"]),
        Class::TooLarge => of_meaning(&["too_large"]),
        Class::Unsupported => of_meaning(&["kind_refused"]),
        Class::Invalid => of_meaning(&["invalid"]),
        _ => Vec::new(),
    }
}

fn of_meaning(meanings: &[&str]) -> Vec<Fault> {
    let cases = error_corpus().iter();
    cases
        .filter(|case| meanings.contains(&case.meaning.as_str()))
        .filter_map(fault)
        .collect()
}

/// The case, where it is in Telegram's own form.
fn fault(case: &ErrorCase) -> Option<Fault> {
    let body: Value = serde_json::from_str(&case.body).ok()?;
    Some(Fault::Api {
        code: case.status,
        description: body.get("description")?.as_str()?.to_owned(),
        parameters: body.get("parameters").cloned(),
    })
}
