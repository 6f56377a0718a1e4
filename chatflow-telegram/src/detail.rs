//! What may be passed on of a text that Telegram wrote.
//!
//! A refusal may repeat what it refuses: a piece of the text, a button, a link, a number. Errors
//! and logs must not, so only Telegram's own words are left.

use serde_json::Value;

use crate::config::Secret;

/// Longest text that is passed on, in characters.
const CHARS_MAX: usize = 200;
/// Shortest text of a request that is looked for. Shorter ones are found in Telegram's own words.
const ECHO_CHARS_MIN: usize = 4;
/// From how many digits on a number may be a person's or a chat's.
const DIGITS_MAX: usize = 5;

/// Telegram's words without the token, without what the request said, and on one line.
pub(crate) fn clean(text: &str, token: &Secret, request: &Value) -> String {
    let mut text = token.cut_from(text);
    let mut echoes = Vec::new();
    collect_texts(request, &mut echoes);
    // Longest first: a short one may be part of a long one.
    echoes.sort_by_key(|echo| std::cmp::Reverse(echo.len()));
    for echo in echoes {
        if text.contains(echo) {
            text = text.replace(echo, "…");
        }
    }
    let words = without_quotations(&text);
    let words: Vec<String> = words.split_whitespace().map(word).collect();
    let line = words.join(" ");
    match line.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn collect_texts<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if text.chars().nth(ECHO_CHARS_MIN - 1).is_some() => {
            into.push(text.as_str());
        }
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, into)),
        Value::Object(fields) => fields.values().for_each(|field| collect_texts(field, into)),
        _ => {}
    }
}

/// A quotation begins where no word stands before its mark; the `'` of "can't" is none.
fn without_quotations(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        kept.push(letter);
        let closing = match letter {
            '"' => Some('"'),
            '\'' if !before.is_alphanumeric() => Some('\''),
            '«' => Some('»'),
            '“' => Some('”'),
            _ => None,
        };
        before = letter;
        if let Some(closing) = closing {
            // What never closes is a quotation to the end.
            rest.by_ref().find(|letter| *letter == closing);
            kept.push('…');
            kept.push(closing);
            before = closing;
        }
    }
    kept
}

/// A word; an address or a long number in it is not shown.
fn word(text: &str) -> String {
    let is_address = text.contains("://") || text.contains('@');
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if is_address || digits > DIGITS_MAX {
        "…".to_owned()
    } else {
        text.chars().filter(|letter| !letter.is_control()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn cleaned(text: &str) -> String {
        let request =
            json!({"chat_id": 7, "text": "my dog Rex", "marks": [{"url": "x.example/a"}]});
        clean(text, &Secret::new("12345:secret"), &request)
    }

    #[test]
    fn telegrams_own_words_stay() {
        let text = "Bad Request: can't parse entities: it isn't closed at byte offset 12";
        assert_eq!(cleaned(text), text);
    }

    #[test]
    fn what_the_request_said_does_not() {
        let cases = [
            ("no my dog Rex here", "no … here"),
            ("button 'Rex the dog' is invalid", "button '…' is invalid"),
            ("tag \"Rex", "tag \"…\""),
            ("host x.example/a is odd", "host … is odd"),
            ("see https://a.example/b?c", "see …"),
            ("ask @anna or +43123456", "ask … or …"),
            ("bot12345:secret\nis\u{7} gone", "bot… is gone"),
        ];
        for (said, left) in cases {
            assert_eq!(cleaned(said), left);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_the_token_never_stays(before in any::<String>(), after in any::<String>()) {
            let line = cleaned(&format!("{before}12345:secret{after}"));
            prop_assert!(!line.contains("12345:secret"));
            prop_assert!(line.chars().count() <= CHARS_MAX + 1);
        }
    }
}
