//! The door through which an outside delivers.

use super::desk::{Desk, Mode};
use super::{ChannelHarness, Knock, Ran};

/// A genuine report is answered with a yes once it is durable. Where the outside asks whether
/// the door is ours, the right answer is given.
pub async fn a_genuine_report_is_answered_once_it_is_durable(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let status = knock(&mut desk, Knock::Genuine("hello")).await;
    assert!(
        (200..300).contains(&status),
        "a genuine report got {status}"
    );
    assert_eq!(
        desk.heard("anna").await,
        ["hello"],
        "answered, and not durable"
    );
    let status = knock(&mut desk, Knock::Challenge).await;
    assert!(
        (200..300).contains(&status) || status == 404,
        "the challenge got {status}"
    );
    Ran::Whole
}

/// Who doesn't know the secret is turned away before anything is read.
pub async fn who_does_not_know_the_secret_is_turned_away(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    for stranger in [Knock::WrongSecret, Knock::NoSecret, Knock::ShortSecret] {
        let status = knock(&mut desk, stranger).await;
        assert!([401, 403].contains(&status), "{stranger:?} got {status}");
        assert_eq!(desk.gate.raws(), [], "{stranger:?} was let in");
    }
    Ran::Whole
}

/// A body larger than any report is turned away.
pub async fn a_body_too_large_is_turned_away(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let status = knock(&mut desk, Knock::TooLarge).await;
    assert_eq!(status, 413);
    assert_eq!(desk.gate.raws(), [], "a body too large was handed in");
    Ran::Whole
}

/// Garbage with the right secret is answered in a way that ends it: it would be garbage the next
/// time too.
pub async fn garbage_is_not_asked_for_again(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let status = knock(&mut desk, Knock::Garbage).await;
    assert!(
        status < 500,
        "garbage got {status}, so it comes again and again"
    );
    let status = knock(&mut desk, Knock::Genuine("hello")).await;
    assert!(
        (200..300).contains(&status),
        "after garbage a genuine report got {status}"
    );
    Ran::Whole
}

/// While the store is away the answer asks for the report again; it comes, and is handled once.
pub async fn a_store_that_is_away_asks_for_patience(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    desk.gate.set(Mode::Closed);
    let status = knock(&mut desk, Knock::Genuine("hello")).await;
    assert!(
        (500..600).contains(&status),
        "a report that could not be stored got {status}"
    );
    desk.restart().await;
    let status = knock(&mut desk, Knock::Again).await;
    assert!(
        (200..300).contains(&status),
        "the report repeated got {status}"
    );
    assert_eq!(desk.heard("anna").await, ["hello"]);
    Ran::Whole
}

async fn knock(desk: &mut Desk, knock: Knock<'_>) -> u16 {
    let outside = desk.outside.clone();
    let Some(door) = outside.webhook() else {
        panic!("the harness says that there is a webhook, and the outside has none");
    };
    let answer = desk.listen_beside(async |_| door.knock(knock).await).await;
    // A channel may stop listening where it can't store; the request got no answer then, which
    // an outside reads as a no.
    answer.unwrap_or(503)
}
