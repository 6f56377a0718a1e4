//! CH-07, CH-09: the scripted channel keeps every promise with each profile.

use chatflow_core::Capabilities;
use chatflow_core::testing::block_on;
use chatflow_core::testing::channel_kit::{Ran, skipped};

use crate::bug::Bug;
use crate::fake::Fakes;

// Cases that some profile rules out.
const PRESS: &str = "a_pressed_choice_comes_in_as_one";
const LONG_TEXT: &str = "a_text_beyond_the_limit_is_cut_and_nothing_is_lost";
const TOO_LONG: &str = "the_outside_takes_no_more_than_is_declared";
const CAPTION: &str = "a_caption_at_the_limit_stands_under_its_media";
const LONG_CAPTION: &str = "a_caption_beyond_the_limit_follows_its_media";
const LARGE_FILE: &str = "a_file_too_large_never_reaches_the_channel";
const CHOICES: &str = "choices_arrive_in_order_and_as_long_as_declared";
const REPEATED: &str = "a_second_send_under_one_key_arrives_as_declared";
const RECEIPTS: &str = "receipts_are_as_declared";
const RATES: &str = "declared_rates_are_kept";
const REPLIES: &str = "replies_do_not_wait_for_broadcasts";

/// Runs the whole kit; gives the cases that the profile's capabilities rule out.
fn passes(truth: Capabilities) -> Vec<&'static str> {
    let fakes = Fakes {
        truth,
        bug: Bug::Nothing,
        cannot: Vec::new(),
    };
    let skipped = block_on(skipped(&fakes));
    let names = skipped.into_iter().map(|(name, ran)| {
        // Nothing is skipped for want of a fake that can do it.
        assert!(matches!(ran, Ran::NotDeclared(_)), "{name}: {ran:?}");
        name
    });
    names.collect()
}

#[test]
fn ch_07_ch_09_a_telegram_bot_passes() {
    let ruled_out = [REPEATED, RECEIPTS];
    assert_eq!(passes(Capabilities::telegram_bot()), ruled_out);
}

#[test]
fn ch_09_a_telegram_business_account_passes() {
    let ruled_out = [REPEATED, RECEIPTS];
    assert_eq!(passes(Capabilities::telegram_business()), ruled_out);
}

#[test]
fn ch_09_a_personal_telegram_account_passes() {
    let ruled_out = [PRESS, CHOICES, REPEATED];
    assert_eq!(passes(Capabilities::telegram_personal()), ruled_out);
}

#[test]
fn ch_07_ch_09_messenger_passes() {
    let ruled_out = [CAPTION, LONG_CAPTION, REPEATED, RATES, REPLIES];
    assert_eq!(passes(Capabilities::messenger()), ruled_out);
}

#[test]
fn ch_07_ch_09_whatsapp_business_passes() {
    let ruled_out = [REPEATED, RATES, REPLIES];
    assert_eq!(passes(Capabilities::whatsapp_business()), ruled_out);
}

#[test]
fn ch_09_whatsapp_by_telephone_passes() {
    let ruled_out = [PRESS, CHOICES, REPEATED, RATES, REPLIES];
    assert_eq!(passes(Capabilities::whatsapp_qr()), ruled_out);
}

#[test]
fn ch_09_vkontakte_passes() {
    let ruled_out = [LONG_CAPTION, RATES, REPLIES];
    assert_eq!(passes(Capabilities::vkontakte()), ruled_out);
}

#[test]
fn ch_09_a_chat_on_a_site_passes() {
    let ruled_out = [
        LONG_TEXT,
        TOO_LONG,
        LONG_CAPTION,
        LARGE_FILE,
        RATES,
        REPLIES,
    ];
    assert_eq!(passes(Capabilities::site_chat()), ruled_out);
}
