//! What waits for its translation.

use chatflow_core::{
    DialogSettings, EffectBody, EffectId, EventBody, OperatorAct, Reach, Refusal, Transition,
    TranslateTo, Value,
};

use crate::rig::{Dialog, said, text};

const TRANSLATED: &str = "
flow: translator
bot:
  translation: {ours: en, theirs: de}
steps:
  name:
    ask: {question: Your name?, save: name}
  size:
    ask: {question: Which size?, save: size}
    finish: finished
";

#[test]
fn ai_10_a_message_is_put_into_the_dialogs_own_language_or_into_none() {
    let mut dialog = Dialog::of(TRANSLATED);
    let ours = |transition: &Transition| {
        let calls = transition.effects.iter();
        let mut requests = calls.filter_map(|effect| match &effect.body {
            EffectBody::Call { request, .. } => Some(text(request, "to")),
            _ => None,
        });
        requests.next_back()
    };
    assert_eq!(ours(&dialog.says("hi")).as_deref(), Some("de"));
    for (language, expected) in [("es", Some("es")), ("en-GB", None)] {
        let to = DialogSettings {
            translate: Some(TranslateTo::Language(language.to_owned())),
            ..DialogSettings::default()
        };
        let mut dialog = Dialog::of(TRANSLATED);
        dialog.acts(OperatorAct::Set(to));
        let written = dialog.acts(OperatorAct::Reply("Hello.".into()));
        assert_eq!(ours(&written).as_deref(), expected);
    }
}

#[test]
fn what_waits_for_its_translation_is_dropped_with_what_it_belongs_to() {
    let mut dialog = Dialog::of(TRANSLATED);
    dialog.says("hi");
    dialog.acts(OperatorAct::Broadcast("News!".into()));
    assert_eq!(dialog.snapshot.outgoing.len(), 2);
    let mut blocked = dialog.clone();
    blocked
        .turn(EventBody::ReachReported(Reach::BlockedByContact))
        .unwrap();
    assert!(blocked.snapshot.outgoing.is_empty(), "nothing can be sent");
    dialog.acts(OperatorAct::Take);
    let waiting = &dialog.snapshot.outgoing;
    assert_eq!(waiting.len(), 1, "what a person wrote still goes");
    assert_eq!(waiting[0].messages[0].message.text(), "News!");
}

/// Says hello in German, which waits; then a person writes in no other language.
fn two_wait() -> (Dialog, EffectId) {
    let mut dialog = Dialog::of(TRANSLATED);
    let heard = dialog.says("hi");
    let mut calls = heard
        .effects
        .iter()
        .filter_map(|effect| match &effect.body {
            EffectBody::Call { request, .. } if text(request, "to") == "de" => Some(effect.id),
            _ => None,
        });
    let call = calls.next_back().unwrap();
    let to = DialogSettings {
        translate: Some(TranslateTo::Nothing),
        ..DialogSettings::default()
    };
    dialog.acts(OperatorAct::Set(to));
    let written = dialog.acts(OperatorAct::Broadcast("News!".into()));
    assert!(said(&written).is_empty(), "it goes behind what waits");
    (dialog, call)
}

#[test]
fn ai_09_messages_keep_their_order_behind_one_that_is_translated() {
    let (mut dialog, call) = two_wait();
    let texts = Value::List(vec![Value::from("Wie heißt du?")]);
    let translated = dialog.answers(call, texts).unwrap();
    assert_eq!(said(&translated), ["Your name?", "News!"]);
    let EffectBody::Send(first) = &translated.effects[0].body else {
        panic!("it is sent");
    };
    let translation = first
        .translation()
        .map(|translation| translation.text.as_str());
    assert_eq!(translation, Some("Wie heißt du?"));
}

#[test]
fn ai_09_without_as_many_translations_messages_go_as_they_were_written() {
    let (mut dialog, call) = two_wait();
    let texts = Value::List(vec![Value::from("Wie"), Value::from("heißt du?")]);
    let sent = dialog.answers(call, texts).unwrap();
    assert_eq!(said(&sent), ["Your name?", "News!"]);
    let is_bare = |effect: &chatflow_core::Effect| matches!(&effect.body, EffectBody::Send(message) if message.translation().is_none());
    assert!(sent.effects.iter().all(is_bare));
}

#[test]
fn ai_13_what_a_takeover_drops_holds_up_nobody_and_its_translation_is_late() {
    let (mut dialog, call) = two_wait();
    let taken = dialog.acts(OperatorAct::Take);
    assert_eq!(said(&taken), ["News!"]);
    let texts = Value::List(vec![Value::from("Wie heißt du?")]);
    assert_eq!(
        dialog.answers(call, texts).unwrap_err(),
        Refusal::LateAnswer
    );
}
