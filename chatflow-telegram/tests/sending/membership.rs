use std::time::Duration;

use chatflow_core::{Port, PortError, Value};
use chatflow_telegram::TelegramMembership;
use chatflow_telegram::testing::{Fault, GroupKind, Membership, Person};

use crate::support::{ANNA, Stage, key};

const NEWS: i64 = -1_000_060;

async fn ask(stage: &Stage, channel: Value, contact: &str) -> Result<bool, PortError> {
    let entries = [("channel", channel), ("contact", contact.into())];
    let request = Value::Map(entries.map(|(key, value)| (key.to_owned(), value)).into());
    let port = TelegramMembership::new(&stage.telegram);
    match port.call(key(), &request).await? {
        Value::Bool(yes) => Ok(yes),
        other => panic!("no yes or no: {other:?}"),
    }
}

async fn stage() -> Stage {
    let stage = Stage::new().await;
    stage.fake.add_group(NEWS, GroupKind::Channel, "News");
    stage.fake.name_group(NEWS, "shop_news");
    stage
}

#[tokio::test]
async fn who_is_in_and_who_is_not() {
    let stage = stage().await;
    let anna = ANNA.to_string();
    for (membership, is_in) in [
        (Membership::Creator, true),
        (Membership::Administrator, true),
        (Membership::Member, true),
        (Membership::Restricted, true),
        (Membership::Left, false),
        (Membership::Kicked, false),
    ] {
        stage.fake.set_member(NEWS, ANNA, membership);
        assert_eq!(
            ask(&stage, "@shop_news".into(), &anna).await,
            Ok(is_in),
            "{membership:?}"
        );
    }
    stage.fake.set_member(NEWS, ANNA, Membership::Member);
    let business = format!("business:c:{ANNA}");
    assert_eq!(ask(&stage, Value::Integer(NEWS), &business).await, Ok(true));
    assert_eq!(ask(&stage, NEWS.to_string().into(), &anna).await, Ok(true));
    assert_eq!(ask(&stage, "@shop_news".into(), "777").await, Ok(false));
    stage.fake.add_person(Person::named(6, "Boris"));
    assert_eq!(ask(&stage, "@shop_news".into(), "6").await, Ok(false));
}

#[tokio::test]
async fn nobody_can_tell_of_a_place_where_the_bot_is_not() {
    let stage = stage().await;
    let anna = ANNA.to_string();
    assert_eq!(
        ask(&stage, "@elsewhere".into(), &anna).await,
        Err(PortError::Refused)
    );
    stage.fake.set_bot(NEWS, Membership::Kicked);
    assert_eq!(
        ask(&stage, "@shop_news".into(), &anna).await,
        Err(PortError::Refused)
    );
    assert_eq!(
        ask(&stage, "@shop_news".into(), "-5").await,
        Err(PortError::Refused)
    );
}

#[tokio::test]
async fn trouble_on_the_way_passes() {
    let stage = stage().await;
    let anna = ANNA.to_string();
    let flood = Fault::RetryAfter {
        seconds: 9,
        with_parameters: true,
    };
    for (fault, wait) in [
        (flood, Some(9)),
        (Fault::ServerError, None),
        (Fault::Html(502), None),
        (Fault::CloseAfterActing, None),
        (Fault::NotJson, None),
    ] {
        stage.fake.fail_next(1, fault.clone());
        let retry_after = wait.map(Duration::from_secs);
        let failed = ask(&stage, "@shop_news".into(), &anna).await;
        assert_eq!(
            failed,
            Err(PortError::Transient { retry_after }),
            "{fault:?}"
        );
    }
}
