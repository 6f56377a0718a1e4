//! Choices as Telegram's keyboards.
//!
//! A button under a message carries 64 bytes, which come back when it is pressed. A choice that
//! is longer is cut and marked; **which choice was pressed is then read from the message's own
//! keyboard**, where the button with the same bytes has the whole text. So nothing has to be
//! remembered between the sending and the pressing.

use std::collections::HashSet;

use chatflow_core::{ChoiceStyle, Message, TextUnit};
use sha2::{Digest, Sha256};
use teloxide_core::types::{
    InlineKeyboardButton, InlineKeyboardMarkup, KeyboardButton, KeyboardMarkup, ReplyMarkup,
};

/// Most bytes that a button carries.
const DATA_BYTES_MAX: usize = 64;
/// Digits of the hash that a cut choice is marked with.
const HASH_DIGITS: usize = 8;
/// Most choices in a row.
const ROW_CHOICES_MAX: usize = 3;
/// Longest texts of one row together. A telephone shows no more without cutting.
const ROW_UNITS_MAX: usize = 30;

/// The keyboard of a message; none where it offers nothing.
pub(crate) fn markup(message: &Message) -> Option<ReplyMarkup> {
    match message.choice_style() {
        ChoiceStyle::Inline => inline_markup(message).map(ReplyMarkup::InlineKeyboard),
        ChoiceStyle::Reply => {
            let choices: Vec<&str> = message.choices().collect();
            let rows = rows(&choices).into_iter().map(|row| {
                let buttons = row.iter().map(|label| KeyboardButton::new(*label));
                buttons.collect::<Vec<_>>()
            });
            let keyboard = KeyboardMarkup::new(rows)
                .resize_keyboard()
                .one_time_keyboard();
            (!choices.is_empty()).then_some(ReplyMarkup::Keyboard(keyboard))
        }
    }
}

/// The keyboard under a message, the only one that can be changed with it.
pub(crate) fn inline_markup(message: &Message) -> Option<InlineKeyboardMarkup> {
    let choices: Vec<&str> = message.choices().collect();
    let mut data = button_data(&choices).into_iter();
    let rows = rows(&choices).into_iter().map(|row| {
        let buttons = row.iter().zip(data.by_ref());
        buttons
            .map(|(label, data)| InlineKeyboardButton::callback(*label, data))
            .collect::<Vec<_>>()
    });
    let rows: Vec<_> = rows.collect();
    (!rows.is_empty()).then(|| InlineKeyboardMarkup::new(rows))
}

/// Puts short choices side by side, in order.
fn rows<'a, 'b>(choices: &'b [&'a str]) -> Vec<&'b [&'a str]> {
    let mut rows = Vec::new();
    let mut rest = choices;
    while !rest.is_empty() {
        let mut units = 0;
        let fitting = rest.iter().take(ROW_CHOICES_MAX).take_while(|label| {
            units += TextUnit::Utf16.count(label);
            units <= ROW_UNITS_MAX
        });
        let (row, others) = rest.split_at(fitting.count().max(1));
        rows.push(row);
        rest = others;
    }
    rows
}

/// What each button carries: different for different choices, at most 64 bytes.
fn button_data(choices: &[&str]) -> Vec<String> {
    let is_short = |label: &str| label.len() <= DATA_BYTES_MAX;
    let mut taken: HashSet<String> = choices
        .iter()
        .filter(|label| is_short(label))
        .map(|&label| label.to_owned())
        .collect();
    let mut given: Vec<(&str, String)> = Vec::new();
    for &label in choices {
        let same = given.iter().find(|(earlier, _)| *earlier == label);
        let data = match same {
            Some((_, data)) => data.clone(),
            None if is_short(label) => label.to_owned(),
            None => (0_u32..)
                .map(|salt| cut(label, salt))
                .find(|data| !taken.contains(data))
                .unwrap_or_default(),
        };
        taken.insert(data.clone());
        given.push((label, data));
    }
    given.into_iter().map(|(_, data)| data).collect()
}

/// The beginning of a choice, an ellipsis and the hash of it all.
fn cut(label: &str, salt: u32) -> String {
    let mut hasher = Sha256::new();
    hasher.update(label.as_bytes());
    if salt > 0 {
        hasher.update(salt.to_be_bytes());
    }
    let hash: String = hasher
        .finalize()
        .iter()
        .take(HASH_DIGITS / 2)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let room = DATA_BYTES_MAX - HASH_DIGITS - '…'.len_utf8();
    let end = (0..=room).rev().find(|end| label.is_char_boundary(*end));
    format!("{}…{hash}", &label[..end.unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_choices_share_a_row() {
        let choices = [
            "Yes",
            "No",
            "Perhaps",
            "Never",
            "I would rather ask a friend first",
        ];
        let rows = rows(&choices);
        assert_eq!(rows, [&choices[..3], &choices[3..4], &choices[4..]]);
    }

    #[test]
    fn a_row_is_measured_as_telegram_counts() {
        let wide = "👍".repeat(8);
        assert_eq!(rows(&[&wide, &wide]).len(), 2);
        let narrow = "👍".repeat(7);
        assert_eq!(rows(&[&narrow, &narrow]).len(), 1);
    }

    #[test]
    fn a_long_choice_is_cut_and_marked() {
        let short = "a".repeat(64);
        let long = "я".repeat(40);
        let data = button_data(&[&short, &long]);
        assert_eq!(data[0], short);
        assert!(data[1].len() <= 64, "{}", data[1]);
        assert!(data[1].starts_with(&"я".repeat(26)) && data[1].contains('…'));
    }

    #[test]
    fn a_cut_choice_never_takes_a_short_ones_place() {
        let long = "b".repeat(70);
        let impostor = cut(&long, 0);
        let data = button_data(&[&long, &impostor]);
        assert_eq!(data[1], impostor);
        assert_ne!(data[0], data[1]);
    }

    proptest! {
        #[test]
        fn different_choices_carry_different_bytes(
            choices in proptest::collection::vec("(a{0,70}|[ab]{60,68}|\\PC{0,40}|👍{10,20})", 0..8),
        ) {
            let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
            let data = button_data(&choices);
            prop_assert_eq!(data.len(), choices.len());
            for (n, one) in data.iter().enumerate() {
                prop_assert!(one.len() <= DATA_BYTES_MAX);
                for (m, other) in data.iter().enumerate() {
                    prop_assert_eq!(one == other, choices[n] == choices[m]);
                }
            }
        }

        #[test]
        fn rows_keep_all_choices_in_order(choices in proptest::collection::vec("\\PC{0,40}", 0..20)) {
            let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
            let rows = rows(&choices);
            prop_assert!(rows.iter().all(|row| (1..=ROW_CHOICES_MAX).contains(&row.len())));
            prop_assert_eq!(rows.concat(), choices);
        }
    }
}
