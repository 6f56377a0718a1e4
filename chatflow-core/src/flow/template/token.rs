//! The words and signs of an expression.

use crate::dialog::{Decimal, Value};
use crate::flow::template::TemplateError;
use crate::flow::template::path::{continues_name, is_name, starts_name};
use crate::flow::template::pieces::Inside;

/// A word or sign, and where it stands in the whole source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'s> {
    pub(super) kind: TokenKind<'s>,
    pub(super) at: usize,
    pub(super) text: &'s str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind<'s> {
    /// A name or a keyword.
    Name(&'s str),
    /// A number or a string literal.
    Literal(Value),
    Sign(&'static str),
}

/// Longer signs first, so that `//` isn't two of `/`.
const SIGNS: [&str; 18] = [
    "==", "!=", "<=", ">=", "//", "<", ">", "+", "-", "*", "/", "%", "(", ")", "[", "]", ",", "|",
];

/// Cuts what stands between braces into tokens.
pub(super) fn tokens<'s>(inside: Inside<'s>) -> Result<Vec<Token<'s>>, TemplateError> {
    let text = inside.text;
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let rest = &text[at..];
        let place = inside.at + at;
        let (kind, length) = if starts_name(first) {
            let name = &rest[..run(rest, continues_name)];
            if !is_name(name) {
                return Err(TemplateError::NotAName {
                    at: place,
                    found: shortened(name),
                });
            }
            (TokenKind::Name(name), name.len())
        } else if first.is_ascii_digit() {
            number(rest, place)?
        } else if matches!(first, '"' | '\'') {
            string(rest, first, place)?
        } else if first == '.' {
            (TokenKind::Sign("."), 1)
        } else {
            let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
            let sign = sign.ok_or_else(|| TemplateError::Unexpected {
                at: place,
                found: first.to_string(),
            })?;
            (TokenKind::Sign(sign), sign.len())
        };
        tokens.push(Token {
            kind,
            at: place,
            text: &rest[..length],
        });
        at += length;
    }
    Ok(tokens)
}

/// A piece of the author's source, short enough for a message of one line.
pub(super) fn shortened(text: &str) -> String {
    const LETTERS: usize = 32;
    let mut short: String = text
        .chars()
        .take(LETTERS)
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    if text.chars().nth(LETTERS).is_some() {
        short.push('…');
    }
    short
}

/// Bytes of the letters at the start that fit.
fn run(text: &str, fits: impl Fn(char) -> bool) -> usize {
    text.find(|letter| !fits(letter)).unwrap_or(text.len())
}

fn number(rest: &str, at: usize) -> Result<(TokenKind<'_>, usize), TemplateError> {
    let mut length = run(rest, |letter| letter.is_ascii_digit());
    if let Some(fraction) = rest[length..].strip_prefix('.') {
        let digits = run(fraction, |letter| letter.is_ascii_digit());
        length += if digits == 0 { 0 } else { digits + 1 };
    }
    let text = &rest[..length];
    let followed = rest[length..].chars().next().is_some_and(continues_name);
    let value = match text.parse::<i64>() {
        Ok(number) => Some(Value::Integer(number)),
        Err(_) => text.parse::<Decimal>().ok().map(Value::Decimal),
    };
    match value {
        Some(value) if !followed => Ok((TokenKind::Literal(value), length)),
        _ => Err(TemplateError::BadNumber {
            at,
            found: shortened(rest),
        }),
    }
}

fn string(rest: &str, quote: char, at: usize) -> Result<(TokenKind<'_>, usize), TemplateError> {
    let mut text = String::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((offset, letter)) = letters.next() {
        if letter == quote {
            return Ok((TokenKind::Literal(Value::from(text)), offset + 1));
        }
        if letter != '\\' {
            text.push(letter);
            continue;
        }
        text.push(match letters.next().map(|(_, letter)| letter) {
            Some('n') => '\n',
            Some('t') => '\t',
            Some(letter @ ('\\' | '"' | '\'')) => letter,
            other => {
                return Err(TemplateError::Unexpected {
                    at: at + offset,
                    found: format!("\\{}", other.unwrap_or_default()),
                });
            }
        });
    }
    Err(TemplateError::Unclosed { at })
}
