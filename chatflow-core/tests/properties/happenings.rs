//! What happens to a dialog: whatever can, in any order.

use std::time::Duration;

use chatflow_core::{
    Assignee, CallFailure, Cause, ContactBlock, ContactView, DialogSettings, EffectId, Event,
    EventBody, FailureClass, Media, MediaKind, Message, Moment, OperatorAct, Postback, Reach,
    Snapshot, StatusChoice, StepTarget, TranslateTo, Value,
};
use proptest::prelude::*;

use crate::people::{Routing, acts, routings};

const WORDS: [&str; 14] = [
    "a",
    "b",
    "34",
    "",
    "call",
    "call and go",
    "wait",
    "many",
    "data",
    "side",
    "nowhere",
    "fail",
    "hand off",
    "complete",
];

/// What happens next; times and ids are filled in from the snapshot when it happens.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "a test has few of them")]
pub(crate) enum Happening {
    Says(&'static str),
    Operator(Box<OperatorAct>, Option<i64>),
    Routing(Routing),
    Reach(Reach),
    Fails(FailureClass),
    ContactBlocked(bool),
    /// The answer of the step's call, or of the first beside the flow.
    Answer(Result<Value, CallFailure>, bool),
    Media(MediaKind),
    Paused(&'static str),
    Postback(i64),
    Deployed,
    /// The timer in this place of those that are set.
    TimerDue(usize),
    TimerEarly,
    Panics(&'static str),
    ClockBack,
}

pub(crate) fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let status = prop_oneof![
        Just(StatusChoice::Start),
        Just(StatusChoice::Auto),
        Just(StatusChoice::Waiting),
        Just(StatusChoice::Manual),
        Just(StatusChoice::Finished),
        Just(StatusChoice::Custom("review".into())),
        Just(StatusChoice::Custom("unknown".into())),
    ];
    let step = (0..9_usize).prop_map(|n| StepTarget::step(format!("s{n}")));
    let act = prop_oneof![
        Just(OperatorAct::Reply("I am here".into())),
        Just(OperatorAct::Take),
        Just(OperatorAct::Block),
        Just(OperatorAct::Unblock),
        Just(OperatorAct::Retry),
        Just(OperatorAct::Advise {
            language: Some("en".to_owned())
        }),
        prop::sample::select(vec![
            TranslateTo::AsBot,
            TranslateTo::Nothing,
            TranslateTo::Language("es".to_owned()),
        ])
        .prop_map(|translate| {
            OperatorAct::Set(DialogSettings {
                translate: Some(translate),
                assignee: Some(Assignee::Operator("bo".into())),
                ..DialogSettings::default()
            })
        }),
        (prop::option::of(status), prop::option::of(step))
            .prop_map(|(status, step)| OperatorAct::set(status, step)),
    ];
    let reach = prop_oneof![
        Just(Reach::Ok),
        Just(Reach::BlockedByContact),
        Just(Reach::CannotWrite(Cause::CannotInitiate)),
    ];
    let class = prop_oneof![
        Just(FailureClass::Blocked),
        Just(FailureClass::CannotWrite(Cause::Removed)),
        Just(FailureClass::Content),
        Just(FailureClass::Exhausted),
    ];
    let word = prop::sample::select(WORDS.to_vec());
    let happening = prop_oneof![
        8 => word.clone().prop_map(Happening::Says),
        4 => (act, prop::option::weighted(0.2, -1..2_i64))
            .prop_map(|(act, revision)| Happening::Operator(Box::new(act), revision)),
        3 => acts().prop_map(|act| Happening::Operator(Box::new(act), None)),
        3 => routings().prop_map(Happening::Routing),
        1 => reach.prop_map(Happening::Reach),
        1 => class.prop_map(Happening::Fails),
        1 => any::<bool>().prop_map(Happening::ContactBlocked),
        4 => (answers(), any::<bool>()).prop_map(|(answer, side)| Happening::Answer(answer, side)),
        1 => prop::sample::select(vec![MediaKind::Voice, MediaKind::Photo]).prop_map(Happening::Media),
        1 => word.clone().prop_map(Happening::Paused),
        1 => prop::sample::select(vec![10, 50]).prop_map(Happening::Postback),
        1 => Just(Happening::Deployed),
        5 => (0..4_usize).prop_map(Happening::TimerDue),
        1 => Just(Happening::TimerEarly),
        1 => word.prop_map(Happening::Panics),
        1 => Just(Happening::ClockBack),
    ];
    prop::collection::vec(happening, 1..40)
}

/// Answers of each kind of call, good and bad.
fn answers() -> impl Strategy<Value = Result<Value, CallFailure>> {
    let text = |text: &str| ("text".to_owned(), Value::from(text));
    let tokens = |count| {
        let tokens = ["tokens_in", "tokens_out"];
        tokens.map(|name| (name.to_owned(), Value::Integer(count)))
    };
    let model = |said: &str| {
        let parts = tokens(1000).into_iter().chain([text(said)]);
        Ok(Value::Map(parts.collect()))
    };
    let list = |texts: &[&str]| Value::List(texts.iter().map(|text| Value::from(*text)).collect());
    let map = |name: &str, value: Value| Value::Map([(name.to_owned(), value)].into());
    prop::sample::select(vec![
        model("a"),
        model("a longer answer of the model"),
        model(""),
        Ok(map("body", Value::from("done"))),
        Ok(map("messages", list(&["from the other bot"]))),
        Ok(list(&["read"])),
        Ok(list(&["one", "two"])),
        Ok(Value::from("nonsense")),
        Err(CallFailure::Refused),
        Err(CallFailure::TimedOut),
        Err(CallFailure::TooLarge),
        Err(CallFailure::OverBudget),
    ])
}

/// The event that a happening is for a dialog as it stands, and when.
pub(crate) fn event(
    happening: &Happening,
    snapshot: &Snapshot,
    n: usize,
    now: &mut Moment,
) -> Event {
    *now += Duration::from_millis(700);
    let last = EffectId {
        dialog: snapshot.dialog,
        turn: snapshot.revision,
        n: 1,
    };
    let body = match happening.clone() {
        Happening::Says(word) => EventBody::MessageReceived(word.into()),
        Happening::Operator(act, at) => {
            let event = Event::operator(format!("{n}"), "op", *act);
            return match at {
                Some(offset) => event.if_revision(snapshot.revision.saturating_add_signed(offset)),
                None => event,
            };
        }
        Happening::Routing(routing) => routing.event(snapshot, *now),
        Happening::Reach(reach) => EventBody::ReachReported(reach),
        Happening::Fails(class) => EventBody::DeliveryFailed {
            effect: last,
            automatic: !n.is_multiple_of(4),
            epoch: snapshot.epoch - u64::from(n.is_multiple_of(3)),
            class,
        },
        Happening::ContactBlocked(blocked) => {
            let revision = snapshot.contact.revision + 1;
            EventBody::ContactChanged(ContactView {
                revision,
                blocked: blocked.then(|| ContactBlock {
                    by: "olga".into(),
                    since: snapshot.turned_at,
                }),
                ..snapshot.contact.clone()
            })
        }
        Happening::Answer(answer, side) => {
            let beside = snapshot.side_calls.first().map(|call| call.id);
            let of_step = snapshot.call.as_ref().map(|call| call.id);
            let call = match side {
                true => beside.or(of_step),
                false => of_step.or(beside),
            };
            let detail = answer.is_err().then(|| "out of order".into());
            EventBody::CallAnswered {
                call: call.unwrap_or(last),
                answer,
                detail,
            }
        }
        Happening::Media(kind) => {
            EventBody::MessageReceived(Message::media_of(Media::new(kind, "file")))
        }
        Happening::Paused(word) => {
            EventBody::WhilePaused(Box::new(EventBody::MessageReceived(word.into())))
        }
        Happening::Postback(amount) => {
            EventBody::PostbackReceived(Postback::new("sale").worth(amount.into()))
        }
        Happening::Deployed => EventBody::Deployed,
        Happening::TimerDue(place) => {
            let count = snapshot.timers.len().max(1);
            let (name, generation) = match snapshot.timers.iter().nth(place % count) {
                Some((name, timer)) => {
                    *now = (*now).max(timer.due);
                    (name.clone(), timer.generation)
                }
                None => ("step".to_owned(), 1),
            };
            EventBody::TimerFired { name, generation }
        }
        Happening::TimerEarly => {
            let first = snapshot.timers.first_key_value();
            let (name, generation) = first.map_or_else(
                || ("step".to_owned(), 1),
                |(name, timer)| (name.clone(), timer.generation),
            );
            EventBody::TimerFired { name, generation }
        }
        Happening::Panics(word) => {
            EventBody::StepPanicked(Box::new(EventBody::MessageReceived(word.into())))
        }
        Happening::ClockBack => {
            *now -= Duration::from_secs(3600);
            EventBody::MessageReceived("a".into())
        }
    };
    Event::new(format!("{n}"), body)
}
