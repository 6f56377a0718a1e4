//! Secrets and what people write stay out of logs, errors and `Debug`.

use tracing::instrument::WithSubscriber as _;

use super::desk::{Desk, Mode, send_plainly};
use super::log::Log;
use super::{ChannelHarness, Failure, Ran};
use crate::channel::SendErrorClass;
use crate::dialog::Message;

/// What a contact writes, in this case.
const HEARD: &str = "heard-h5ee1";
/// What is written to the contact.
const SAID: &str = "said-5a1d7";

/// A conversation with every failure that the outside can be made to have: neither the harness's
/// secrets nor a word of what was said is in the log at TRACE, in an error, or in the `Debug` of
/// what the adapter's users hold.
pub async fn secrets_and_content_appear_nowhere(harness: &dyn ChannelHarness) -> Ran {
    let log = Log::begin();
    let talked = talk(harness).with_subscriber(log.clone()).await;
    let Talked { secrets, mut shown } = talked;
    log.end();
    let text = log.text();
    assert!(text.contains("turn"), "the log could not be read");
    shown.push(("the log", text));
    for (what, text) in shown {
        for secret in &secrets {
            assert!(
                !text.contains(secret.as_str()),
                "{what} shows a secret of {} bytes",
                secret.len()
            );
        }
        for content in [HEARD, SAID] {
            assert!(!text.contains(content), "{what} shows what people write");
        }
    }
    Ran::Whole
}

struct Talked {
    secrets: Vec<String>,
    /// What was shown, and where.
    shown: Vec<(&'static str, String)>,
}

async fn talk(harness: &dyn ChannelHarness) -> Talked {
    let mut desk = Desk::open(harness).await;
    let mut shown = Vec::new();
    desk.says("anna", HEARD).await;
    desk.deliver().await;
    let mut n = 0;
    for failure in failures() {
        for wording in 0..100 {
            if !desk.outside.fails_next(&failure, wording).await {
                break;
            }
            n += 1;
            let sent = send_plainly(&desk, "anna", &Message::new(SAID), n).await;
            if let Err(error) = sent {
                shown.push(("an error", format!("{error} {error:?}")));
            }
        }
    }
    desk.gate.set(Mode::Closed);
    desk.says("anna", HEARD).await;
    if let Some(Err(error)) = &desk.ended {
        shown.push(("the end of listening", format!("{error} {error:?}")));
    }
    for text in desk.outside.shown() {
        shown.push(("a `Debug`", text));
    }
    Talked {
        secrets: desk.outside.secrets(),
        shown,
    }
}

fn failures() -> Vec<Failure> {
    let classes = [
        SendErrorClass::Transient { retry_after: None },
        SendErrorClass::ChannelDown,
        SendErrorClass::Blocked,
        SendErrorClass::Removed,
        SendErrorClass::UnknownRecipient,
        SendErrorClass::TooLarge,
        SendErrorClass::Invalid,
    ];
    let others = [
        Failure::UnknownRefusal,
        Failure::BeforeSending,
        Failure::AfterSending,
        Failure::Garbled,
    ];
    let classes = classes.into_iter().map(Failure::Class);
    classes.chain(others).collect()
}
