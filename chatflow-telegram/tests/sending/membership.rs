use std::time::Duration;

use chatflow_core::{MembershipChecker, PortError, PortErrorKind};
use chatflow_telegram::TelegramMembership;
use chatflow_telegram::testing::{Fault, GroupKind, Membership, Person};

use crate::support::{ANNA, Stage, key};

const NEWS: i64 = -1_000_060;

async fn ask(stage: &Stage, place: &str, contact: &str) -> Result<bool, PortError> {
    let membership = TelegramMembership::new(&stage.telegram);
    membership.is_member(key(), place, contact).await
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
            ask(&stage, "@shop_news", &anna).await,
            Ok(is_in),
            "{membership:?}"
        );
    }
    stage.fake.set_member(NEWS, ANNA, Membership::Member);
    let business = format!("business:c:{ANNA}");
    let by_id = NEWS.to_string();
    assert_eq!(ask(&stage, &by_id, &business).await, Ok(true));
    assert_eq!(ask(&stage, " @shop_news ", &anna).await, Ok(true));
    assert_eq!(ask(&stage, "@shop_news", "777").await, Ok(false));
    stage.fake.add_person(Person::named(6, "Boris"));
    assert_eq!(ask(&stage, "@shop_news", "6").await, Ok(false));
}

#[tokio::test]
async fn nobody_can_tell_of_a_place_where_the_bot_is_not() {
    let stage = stage().await;
    let anna = ANNA.to_string();
    assert_eq!(
        ask(&stage, "@elsewhere", &anna).await,
        Err(PortError::refused())
    );
    stage.fake.set_bot(NEWS, Membership::Kicked);
    assert_eq!(
        ask(&stage, "@shop_news", &anna).await,
        Err(PortError::refused())
    );
    for (place, contact) in [("@shop_news", "-5"), ("@shop_news", "anna"), (" ", &anna)] {
        let asked = ask(&stage, place, contact).await;
        assert_eq!(asked, Err(PortError::refused()), "{place}, {contact}");
    }
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
        let failed = ask(&stage, "@shop_news", &anna).await;
        assert_eq!(
            failed,
            Err(PortError::new(PortErrorKind::Transient { retry_after })),
            "{fault:?}"
        );
    }
}
