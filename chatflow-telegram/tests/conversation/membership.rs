//! Flows that ask whether the contact has joined a channel.

use chatflow_core::{FinishStatus, FlowBuilder, SendMessage};
use chatflow_telegram::testing::{Fault, GroupKind, Membership};

use crate::stage::{ANNA, BORIS, Setting, Stage, bot, both_ways};

const NEWS: i64 = -1_001_000_000_060;

fn club() -> Setting {
    let says = |text: &str| SendMessage::text(text);
    let flow = FlowBuilder::new("club", 1)
        .step("joined", chatflow_core::Membership::of("@shop_news"))
        .exit("member", "discount")
        .exit("not_member", "invitation")
        .exit("unknown", "sorry")
        .step("discount", says("Here is your discount."))
        .finish(FinishStatus::Finished)
        .step("invitation", says("Join @shop_news first."))
        .finish(FinishStatus::Finished)
        .step("sorry", says("I can't tell now."))
        .finish(FinishStatus::Finished);
    Setting::of(bot(flow.build().unwrap()))
}

fn add_news(stage: &Stage) {
    stage.fake.add_group(NEWS, GroupKind::Channel, "News");
    stage.fake.name_group(NEWS, "shop_news");
}

#[tokio::test]
async fn fl_38_the_answer_chooses_the_branch() {
    both_ways(club, async |stage: Stage| {
        add_news(&stage);
        stage.fake.set_member(NEWS, ANNA, Membership::Member);
        stage.fake.set_member(NEWS, BORIS, Membership::Left);
        stage.says(ANNA, "hi").await;
        assert_eq!(stage.hears(ANNA, 1).await, ["Here is your discount."]);
        stage.says(BORIS, "hi").await;
        assert_eq!(stage.hears(BORIS, 1).await, ["Join @shop_news first."]);
    })
    .await;
}

#[tokio::test]
async fn fl_38_where_nobody_can_tell_there_is_a_branch_too() {
    both_ways(club, async |stage: Stage| {
        // The bot is in no channel of that name.
        stage.says(ANNA, "hi").await;
        assert_eq!(stage.hears(ANNA, 1).await, ["I can't tell now."]);
    })
    .await;
}

#[tokio::test]
async fn fl_38_a_passing_failure_is_asked_again() {
    both_ways(club, async |stage: Stage| {
        add_news(&stage);
        stage.fake.set_member(NEWS, ANNA, Membership::Member);
        stage
            .fake
            .fail_next_on("getChatMember", 1, Fault::Html(502));
        stage.says(ANNA, "hi").await;
        let dialog = stage.dialog_of(ANNA).await;
        stage.tried(dialog, 1).await;
        stage.pass(std::time::Duration::from_secs(1));
        assert_eq!(stage.hears(ANNA, 1).await, ["Here is your discount."]);
        assert_eq!(stage.fake.requests_of("getChatMember").len(), 2);
    })
    .await;
}
