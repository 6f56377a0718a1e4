//! What is held for the flow: its order, its limits, albums, what is still being read.

use chatflow_core::{Fact, Media, MediaKind, Message, Value};

use crate::rig::{Dialog, HOUR, asked, said};

fn held(dialog: &Dialog) -> Vec<&str> {
    let held = dialog.snapshot.held.iter();
    held.map(|held| held.message.text()).collect()
}

fn saved(dialog: &Dialog, name: &str) -> String {
    dialog.snapshot.data[name].render().as_str().to_owned()
}

const LATER: &str = "
flow: later
bot: {during_delay: keep, media_rule: pass_to_step}
steps:
  pause:
    delay: 1h
  need:
    ask: {question: What?, save: said}
  more:
    ask: {question: What else?, save: more}
    finish: finished
";

#[test]
fn what_is_held_keeps_its_order_and_has_a_largest_number() {
    let mut dialog = Dialog::of(LATER);
    dialog.says("hi");
    for n in 1..=60 {
        dialog.says(format!("item {n}"));
    }
    let held = held(&dialog);
    assert_eq!(held.len(), 50);
    assert_eq!((held[0], held[48]), ("item 1", "item 49"));
    assert!(held[49].starts_with("item 50"));
    assert!(
        held[49].ends_with("item 60"),
        "what comes beyond joins the last"
    );
    // What doesn't fit any more stays in the transcript.
    dialog.says("x".repeat(10_000));
    let before = dialog.snapshot.held.clone();
    let beyond = dialog.says("y".repeat(10_000));
    assert!(beyond.facts.contains(&Fact::NotHeld));
    assert_eq!(dialog.snapshot.held, before);
    assert_eq!(beyond.messages.len(), 1);
}

#[test]
fn what_was_kept_is_one_message_as_long_as_a_message_may_be() {
    let mut dialog = Dialog::of(&LATER.replace(
        "ask: {question: What?, save: said}",
        "keywords: {routes: {a: [zebra]}, retry: Hm., save: said}\n    next: {a: more}",
    ));
    dialog.says("hi");
    dialog.says("zebra ".repeat(2000));
    let kept = dialog.says("y".repeat(10_000));
    assert!(!kept.facts.contains(&Fact::NotHeld), "each is held");
    let released = dialog.at(HOUR).fires("step");
    assert!(released.facts.contains(&Fact::NotHeld), "both are too long");
    assert_eq!(saved(&dialog, "said"), "a");
    assert!(dialog.snapshot.held.is_empty());
}

fn photo(album: &str, text: &str) -> Message {
    let photo = Media::new(MediaKind::Photo, "1");
    Message::new(text).with_media(photo).of_album(album)
}

const ALBUMS: &str = "
flow: albums
bot: {media_rule: pass_to_step}
steps:
  need:
    ask: {question: What?, save: said}
  more:
    ask: {question: What else?, save: more}
  end:
    ask: {question: Anything?, save: end}
    finish: finished
";

#[test]
fn the_items_of_an_album_are_one_message_and_another_album_is_another() {
    let mut dialog = Dialog::of(ALBUMS);
    dialog.says("hi");
    dialog.says(photo("1", "one"));
    dialog.says(photo("1", "two"));
    assert_eq!(held(&dialog).len(), 1);
    assert_eq!(dialog.snapshot.held[0].message.media().len(), 2);
    // The first album has all there is, and goes at once; then what is only a text.
    dialog.says(photo("2", "three"));
    assert_eq!(saved(&dialog, "said"), "one\ntwo");
    assert_eq!(held(&dialog), ["three"]);
    dialog.says("and a text");
    assert_eq!(saved(&dialog, "more"), "three");
    assert_eq!(saved(&dialog, "end"), "and a text");
}

#[test]
fn an_album_has_a_largest_number_of_items() {
    let mut dialog = Dialog::of(ALBUMS);
    dialog.says("hi");
    for _ in 0..51 {
        dialog.says(photo("1", ""));
    }
    let items = |dialog: &Dialog| -> Vec<usize> {
        let held = dialog.snapshot.held.iter();
        held.map(|held| held.message.media().len()).collect()
    };
    assert_eq!(items(&dialog), [50, 1]);
}

#[test]
fn fl_29_what_came_in_a_pause_is_handed_on_one_by_one() {
    let mut dialog = Dialog::of(ALBUMS);
    dialog.says("hi");
    dialog.says_in_a_pause("one");
    dialog.says_in_a_pause("two");
    assert_eq!(held(&dialog), ["one", "two"]);
    assert_eq!(said(&dialog.fires("held")), ["What else?"]);
    assert_eq!(saved(&dialog, "said"), "one");
    assert_eq!(said(&dialog.fires("held")), ["Anything?"]);
    assert_eq!(saved(&dialog, "more"), "two");
}

#[test]
fn ai_06_what_comes_behind_media_waits_until_they_are_read() {
    let flow = ALBUMS.replace(
        "media_rule: pass_to_step",
        "recogniser: ears, media_rule: recognise",
    );
    let mut dialog = Dialog::of(&flow);
    dialog.says("hi");
    let voice = Media::new(MediaKind::Voice, "1");
    dialog.says_in_a_pause(Message::new("listen").with_media(voice));
    dialog.says_in_a_pause("and this");
    let (call, _) = asked(&dialog.fires("held"));
    assert_eq!(held(&dialog), ["listen", "and this"]);
    let heard = Value::List(vec![Value::from("two tickets")]);
    dialog.answers(call, heard).unwrap();
    assert_eq!(saved(&dialog, "said"), "listen\ntwo tickets");
    dialog.fires("held");
    assert_eq!(saved(&dialog, "more"), "and this");
}
