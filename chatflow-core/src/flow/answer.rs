//! What counts as an answer, and the value it gives.

use chrono::NaiveDate;
use regex::Regex;

use crate::dialog::{Text, Value};
use crate::flow::{Texts, normalise};

/// An [`AskKind`](crate::AskKind) ready to check answers.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Text,
    Number,
    Range { from: i64, to: i64 },
    Email,
    Phone,
    Date,
    Choice(Vec<Choice>),
    Regex(Regex),
}

/// One answer to choose.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// It in each language, normalised.
    words: Vec<String>,
    labels: Vec<(Option<Box<str>>, Text)>,
    /// What is kept: it in the flow's language.
    kept: Text,
}

impl Choice {
    pub(crate) fn new(words: Vec<String>, texts: &Texts, language: Option<&str>) -> Self {
        let labels = texts.each();
        Self {
            words,
            labels: labels
                .into_iter()
                .map(|(language, text)| (language.map(Into::into), text.into()))
                .collect(),
            kept: texts.shown(language).into(),
        }
    }

    /// It as the contact reads it.
    pub(crate) fn label(&self, language: Option<&str>) -> Text {
        let find = |wanted: &str| {
            self.labels.iter().find(|(language, _)| {
                language
                    .as_ref()
                    .is_some_and(|language| language.eq_ignore_ascii_case(wanted))
            })
        };
        language
            .and_then(|language| {
                find(language).or_else(|| find(language.split(['-', '_']).next()?))
            })
            .map_or(&self.kept, |(_, text)| text)
            .clone()
    }
}

impl Answer {
    /// The choices that a question of this kind offers.
    pub(crate) fn choices(&self, language: Option<&str>) -> Vec<Text> {
        match self {
            Self::Choice(choices) => {
                let labels = choices.iter().map(|choice| choice.label(language));
                labels.collect()
            }
            _ => Vec::new(),
        }
    }

    /// The value that a text gives, if it counts.
    pub(crate) fn accept(&self, text: &str) -> Option<Value> {
        let text = text.trim();
        match self {
            Self::Text => (!text.is_empty()).then(|| Value::from(text)),
            Self::Number => number(text),
            Self::Range { from, to } => {
                let number = text.parse::<i64>().ok()?;
                (*from..=*to)
                    .contains(&number)
                    .then_some(Value::Integer(number))
            }
            Self::Email => email(text).map(|address| Value::from(address.as_str())),
            Self::Phone => phone(text).map(|number| Value::from(number.as_str())),
            Self::Date => date(text).map(Value::Date),
            Self::Choice(choices) => {
                let word = normalise(text);
                let found = choices.iter().find(|choice| choice.words.contains(&word));
                found.map(|choice| Value::Text(choice.kept.clone()))
            }
            Self::Regex(pattern) => pattern.is_match(text).then(|| Value::from(text)),
        }
    }
}

fn number(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Value::Integer(whole));
    }
    let is_number = !text.is_empty()
        && text.len() <= 40
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'-' | b'+'));
    let decimal = is_number.then(|| text.replacen(',', ".", 1).parse().ok());
    decimal.flatten().map(Value::Decimal)
}

/// An address by its form: what can be mailed to is known only to the mail.
fn email(text: &str) -> Option<String> {
    let (local, domain) = text.rsplit_once('@')?;
    let is_local = (1..=64).contains(&local.len())
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local
            .chars()
            .all(|letter| letter.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(letter));
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|letter| letter.is_alphanumeric() || letter == '-')
    };
    let is_domain = domain.len() <= 253 && domain.contains('.') && domain.split('.').all(is_label);
    (is_local && is_domain).then(|| format!("{local}@{}", domain.to_lowercase()))
}

/// The digits of a telephone number, with `+` where it was written in the international way.
fn phone(text: &str) -> Option<String> {
    let is_separator = |letter: char| {
        letter.is_whitespace() || matches!(letter, '-' | '(' | ')' | '.' | '/' | '–')
    };
    let (plus, rest) = match text.strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let digits: String = rest
        .chars()
        .filter(|letter| !is_separator(*letter))
        .collect();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (plus, digits) = match digits.strip_prefix("00") {
        Some(rest) if !plus => (true, rest),
        _ => (plus, digits.as_str()),
    };
    // The longest number there is has 15 digits; a local one may be as short as 7.
    (7..=15)
        .contains(&digits.len())
        .then(|| format!("{}{digits}", if plus { "+" } else { "" }))
}

fn date(text: &str) -> Option<NaiveDate> {
    let numbers = |separator| -> Option<[u32; 3]> {
        let parts: Vec<&str> = text.split(separator).collect();
        let parts: [&str; 3] = parts.try_into().ok()?;
        let mut numbers = [0; 3];
        for (number, part) in numbers.iter_mut().zip(parts) {
            let is_number =
                (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
            *number = is_number.then(|| part.parse().ok()).flatten()?;
        }
        Some(numbers)
    };
    let ((Some([year, month, day]), _) | (None, Some([day, month, year]))) =
        (numbers('-'), numbers('.'))
    else {
        return None;
    };
    // Nobody means the first century by `26`.
    (year >= 1000).then(|| NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(answer: &Answer, text: &str) -> Option<String> {
        answer.accept(text).map(|value| value.render())
    }

    #[test]
    fn numbers_are_exact() {
        assert_eq!(Answer::Number.accept(" 12 "), Some(Value::Integer(12)));
        assert_eq!(kept(&Answer::Number, "3,25").as_deref(), Some("3.25"));
        assert_eq!(kept(&Answer::Number, "-0.1").as_deref(), Some("-0.1"));
        for wrong in [
            "",
            "abc",
            "1.2.3",
            "1 000",
            "1e5",
            "٣",
            "--1",
            &"9".repeat(60),
        ] {
            assert_eq!(Answer::Number.accept(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_range_has_both_ends() {
        let range = Answer::Range { from: 1, to: 120 };
        for (text, counts) in [
            ("1", true),
            ("120", true),
            ("0", false),
            ("121", false),
            ("1.5", false),
        ] {
            assert_eq!(range.accept(text).is_some(), counts, "{text}");
        }
    }

    #[test]
    fn addresses_and_numbers_by_their_form() {
        let email = |text| kept(&Answer::Email, text);
        assert_eq!(
            email("Anna.B+x@Mail.Example.COM").as_deref(),
            Some("Anna.B+x@mail.example.com")
        );
        for wrong in [
            "anna",
            "a@b",
            "@b.c",
            "a b@c.d",
            "a@-b.c",
            "a..b@c.de",
            "a@b.c@",
            "a@b..c",
        ] {
            assert_eq!(email(wrong), None, "{wrong}");
        }
        let phone = |text| kept(&Answer::Phone, text);
        assert_eq!(phone("+7 (912) 345-67-89").as_deref(), Some("+79123456789"));
        assert_eq!(phone("0049 30 1234567").as_deref(), Some("+49301234567"));
        assert_eq!(phone("8 912 345 67 89").as_deref(), Some("89123456789"));
        for wrong in ["", "12345", "+1234567890123456", "call me", "+7 912 x"] {
            assert_eq!(phone(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_day_in_either_form() {
        let day = NaiveDate::from_ymd_opt(2026, 1, 31);
        assert_eq!(date("2026-01-31"), day);
        assert_eq!(date("31.1.2026"), day);
        for wrong in [
            "2026-02-30",
            "31.01.26",
            "01/31/2026",
            "2026-1",
            "yesterday",
            "1.2.3.4",
        ] {
            assert_eq!(date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_choice_counts_in_every_language_and_is_kept_in_one() {
        let texts = Texts::by_language([("en", "Yes"), ("ru", "Да")]);
        let words = vec![normalise("Yes"), normalise("Да")];
        let answer = Answer::Choice(vec![Choice::new(words, &texts, Some("ru"))]);
        assert_eq!(kept(&answer, "YES!").as_deref(), Some("Да"));
        assert_eq!(kept(&answer, "да").as_deref(), Some("Да"));
        assert_eq!(answer.choices(Some("en-GB")), [Text::from("Yes")]);
        assert_eq!(answer.choices(None), [Text::from("Да")]);
    }
}
