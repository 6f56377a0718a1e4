//! What operators, filters and tests of an expression do, on our own values.
//!
//! Numbers are whole numbers and exact decimals, never floats: `+`, `-`, `*`, `//` and `%` of
//! whole numbers give a whole number or fail, `/` always gives a decimal, and whatever meets a
//! decimal is one, rounded to 28 digits. Nothing makes a text longer without a check.

use std::borrow::Cow;
use std::cmp::Ordering;

use rust_decimal::prelude::ToPrimitive;

use crate::dialog::{Decimal, Value};
use crate::flow::template::{RENDERED_BYTES_MAX, RenderError};

type Exact = rust_decimal::Decimal;
type Done = Result<Value, RenderError>;

/// The filters, and how many arguments each takes at least and at most.
const FILTERS: [(&str, usize, usize); 21] = [
    ("abs", 0, 0),
    ("capitalize", 0, 0),
    ("count", 0, 0),
    ("d", 0, 1),
    ("date", 1, 1),
    ("decimal", 0, 0),
    ("default", 0, 1),
    ("first", 0, 0),
    ("float", 0, 0),
    ("int", 0, 0),
    ("join", 0, 1),
    ("last", 0, 0),
    ("length", 0, 0),
    ("lower", 0, 0),
    ("replace", 2, 2),
    ("round", 0, 1),
    ("text", 0, 0),
    ("title", 0, 0),
    ("trim", 0, 0),
    ("truncate", 1, 2),
    ("upper", 0, 0),
];

/// How many arguments a filter takes, where there is one of that name.
pub(super) fn filter_arguments(name: &str) -> Option<(usize, usize)> {
    let found = FILTERS.iter().find(|(filter, ..)| *filter == name);
    found.map(|&(_, least, most)| (least, most))
}

/// Whether there is a test of that name, beside `defined`, `undefined`, `none` and `in`.
pub(super) fn is_test(name: &str) -> bool {
    const TESTS: [&str; 9] = [
        "boolean", "date", "even", "integer", "list", "map", "number", "odd", "string",
    ];
    TESTS.contains(&name)
}

/// Does one operation. The compiler has checked its name and the number of its arguments.
pub(super) fn perform(operation: &str, values: &[Cow<'_, Value>]) -> Done {
    match values {
        [value] => single(operation, value),
        [left, right] => double(operation, left, right),
        [value, old, new] if operation == "replace" => {
            replace(text_of(operation, value)?, &old.render(), &new.render())
        }
        [value, most, end] if operation == "truncate" => truncate(value, most, &end.render()),
        _ => Err(RenderError::Failed),
    }
    .and_then(bounded)
}

/// A list literal; apart from the others, as it may have any number of elements.
pub(super) fn list(values: &[Cow<'_, Value>]) -> Done {
    bounded(Value::List(
        values.iter().map(|value| value.as_ref().clone()).collect(),
    ))
}

/// The value under a key or at a place; null where there is none.
pub(super) fn part(value: &Value, key: &Value) -> Value {
    let found = match (value, key) {
        (Value::Map(map), Value::Text(key)) => map.get(key.as_str()),
        (Value::List(values), Value::Integer(at)) => {
            usize::try_from(*at).ok().and_then(|at| values.get(at))
        }
        _ => None,
    };
    found.cloned().unwrap_or_default()
}

/// Whether a value counts as true: not null, not zero, not empty.
pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(yes) => *yes,
        Value::Integer(number) => *number != 0,
        Value::Decimal(number) => *number != Decimal::from(0),
        Value::Text(text) => !text.is_empty(),
        Value::Date(_) | Value::Time(_) => true,
        Value::List(values) => !values.is_empty(),
        Value::Map(map) => !map.is_empty(),
    }
}

fn bounded(value: Value) -> Done {
    if value.weight() > RENDERED_BYTES_MAX {
        return Err(RenderError::TooLong);
    }
    Ok(value)
}

pub(super) fn wrong(operation: &str, value: &Value) -> RenderError {
    RenderError::WrongKind {
        operation: operation.to_owned(),
        found: kind(value),
    }
}

fn out_of_range(operation: &str) -> RenderError {
    RenderError::OutOfRange {
        operation: operation.to_owned(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a bool",
        Value::Integer(_) => "a whole number",
        Value::Decimal(_) => "a decimal",
        Value::Text(_) => "a text",
        Value::Date(_) => "a date",
        Value::Time(_) => "a moment",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
    }
}

fn single(operation: &str, value: &Value) -> Done {
    match operation {
        "negative" => arithmetic("-", &Value::Integer(0), value),
        "abs" => match value {
            Value::Integer(number) => number
                .checked_abs()
                .map(Value::Integer)
                .ok_or_else(|| out_of_range(operation)),
            value => from_exact(operation, exact(operation, value)?.abs()),
        },
        "round" => round(value, 0),
        "int" => int(value),
        "decimal" | "float" => match value {
            Value::Text(text) => text
                .as_str()
                .trim()
                .parse()
                .map(Value::Decimal)
                .map_err(|_| wrong(operation, value)),
            value => from_exact(operation, exact(operation, value)?),
        },
        "text" => Ok(Value::from(value.render())),
        "length" | "count" => {
            let length = match value {
                Value::Text(text) => text.as_str().chars().count(),
                Value::List(values) => values.len(),
                Value::Map(map) => map.len(),
                value => return Err(wrong(operation, value)),
            };
            i64::try_from(length)
                .map(Value::Integer)
                .map_err(|_| out_of_range(operation))
        }
        "first" | "last" => {
            let is_first = operation == "first";
            Ok(match value {
                Value::List(values) if is_first => values.first().cloned().unwrap_or_default(),
                Value::List(values) => values.last().cloned().unwrap_or_default(),
                Value::Text(text) => {
                    let mut letters = text.as_str().chars();
                    let letter = if is_first {
                        letters.next()
                    } else {
                        letters.next_back()
                    };
                    letter.map_or(Value::Null, |letter| Value::from(letter.to_string()))
                }
                value => return Err(wrong(operation, value)),
            })
        }
        "join" => join(value, ""),
        _ => match operation.strip_prefix("is ") {
            Some(test) => Ok(Value::Bool(passes(test, value))),
            None => letters(operation, text_of(operation, value)?),
        },
    }
}

fn letters(operation: &str, text: Cow<'_, str>) -> Done {
    Ok(Value::from(match operation {
        "upper" => text.to_uppercase(),
        "lower" => text.to_lowercase(),
        "trim" => text.trim().to_owned(),
        "capitalize" => capitalized(&text),
        "title" => text
            .split_inclusive(|letter: char| !letter.is_alphanumeric() && letter != '\'')
            .map(capitalized)
            .collect(),
        _ => return Err(RenderError::Failed),
    }))
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first
        .chain(letters.as_str().to_lowercase().chars())
        .collect()
}

fn passes(test: &str, value: &Value) -> bool {
    match test {
        "boolean" => matches!(value, Value::Bool(_)),
        "date" => matches!(value, Value::Date(_) | Value::Time(_)),
        "even" => matches!(value, Value::Integer(number) if number % 2 == 0),
        "integer" => matches!(value, Value::Integer(_)),
        "list" => matches!(value, Value::List(_)),
        "map" => matches!(value, Value::Map(_)),
        "number" => matches!(value, Value::Integer(_) | Value::Decimal(_)),
        "odd" => matches!(value, Value::Integer(number) if number % 2 != 0),
        _ => matches!(value, Value::Text(_)),
    }
}

fn double(operation: &str, left: &Value, right: &Value) -> Done {
    match operation {
        "+" | "-" | "*" | "/" | "//" | "%" => arithmetic(operation, left, right),
        "==" => Ok(Value::Bool(same(left, right))),
        "!=" => Ok(Value::Bool(!same(left, right))),
        "<" | "<=" | ">" | ">=" => {
            let order = order(operation, left, right)?;
            Ok(Value::Bool(match operation {
                "<" => order == Ordering::Less,
                "<=" => order != Ordering::Greater,
                ">" => order == Ordering::Greater,
                _ => order != Ordering::Less,
            }))
        }
        "in" => contains(right, left).map(Value::Bool),
        "not in" => contains(right, left).map(|found| Value::Bool(!found)),
        "round" => {
            let places = right
                .as_integer()
                .and_then(|places| u32::try_from(places).ok());
            let places = places.filter(|places| *places <= Exact::MAX_SCALE);
            round(left, places.ok_or_else(|| out_of_range(operation))?)
        }
        "join" => join(left, &right.render()),
        "truncate" => truncate(left, right, "…"),
        "date" => date(left, &right.render()),
        _ => Err(RenderError::Failed),
    }
}

/// The text of a plain value; lists and maps have to be joined on purpose.
fn text_of<'v>(operation: &str, value: &'v Value) -> Result<Cow<'v, str>, RenderError> {
    match value {
        Value::Text(text) => Ok(Cow::Borrowed(text.as_str())),
        Value::List(_) | Value::Map(_) | Value::Null => Err(wrong(operation, value)),
        value => Ok(Cow::Owned(value.render())),
    }
}

fn exact(operation: &str, value: &Value) -> Result<Exact, RenderError> {
    match value {
        Value::Integer(number) => Ok(Exact::from(*number)),
        // The one way out of a decimal is its digits.
        Value::Decimal(number) => {
            Exact::from_str_exact(&number.to_string()).map_err(|_| out_of_range(operation))
        }
        value => Err(wrong(operation, value)),
    }
}

fn from_exact(operation: &str, number: Exact) -> Done {
    let digits = number.normalize().to_string();
    let number = digits.parse().map_err(|_| out_of_range(operation))?;
    Ok(Value::Decimal(number))
}

fn arithmetic(operation: &str, left: &Value, right: &Value) -> Done {
    let failed = || out_of_range(operation);
    if let (Value::Integer(a), Value::Integer(b), true) = (left, right, operation != "/") {
        let (a, b) = (*a, *b);
        let number = match operation {
            "+" => a.checked_add(b),
            "-" => a.checked_sub(b),
            "*" => a.checked_mul(b),
            // Rounded down, and the rest has the sign of the divisor, as in Jinja.
            "//" => a.checked_div_euclid(b).and_then(|whole| {
                let is_short = b < 0 && a.checked_rem_euclid(b)? != 0;
                whole.checked_sub(i64::from(is_short))
            }),
            _ => a.checked_rem(b).map(|rest| {
                if rest != 0 && (rest < 0) != (b < 0) {
                    rest + b
                } else {
                    rest
                }
            }),
        };
        return number.map(Value::Integer).ok_or_else(failed);
    }
    let (a, b) = (exact(operation, left)?, exact(operation, right)?);
    let number = match operation {
        "+" => a.checked_add(b),
        "-" => a.checked_sub(b),
        "*" => a.checked_mul(b),
        "/" => a.checked_div(b),
        "//" => a.checked_div(b).map(|whole| whole.floor()),
        _ => a.checked_rem(b).and_then(|rest| {
            if !rest.is_zero() && rest.is_sign_negative() != b.is_sign_negative() {
                rest.checked_add(b)
            } else {
                Some(rest)
            }
        }),
    };
    from_exact(operation, number.ok_or_else(failed)?)
}

fn round(value: &Value, places: u32) -> Done {
    if let Value::Integer(_) = value {
        return Ok(value.clone());
    }
    let away = rust_decimal::RoundingStrategy::MidpointAwayFromZero;
    let rounded = exact("round", value)?.round_dp_with_strategy(places, away);
    if places > 0 {
        return from_exact("round", rounded);
    }
    // A number without places is a whole number, where it fits.
    rounded.to_i64().map_or_else(
        || from_exact("round", rounded),
        |whole| Ok(Value::Integer(whole)),
    )
}

fn int(value: &Value) -> Done {
    let number = match value {
        Value::Bool(yes) => return Ok(Value::Integer(i64::from(*yes))),
        Value::Text(text) => {
            Exact::from_str_exact(text.as_str().trim()).map_err(|_| wrong("int", value))?
        }
        value => exact("int", value)?,
    };
    number
        .trunc()
        .to_i64()
        .map(Value::Integer)
        .ok_or_else(|| out_of_range("int"))
}

/// Numbers are the same by size, a date or moment and its text by what is shown.
fn same(left: &Value, right: &Value) -> bool {
    order("==", left, right).map_or_else(|_| left == right, Ordering::is_eq)
}

fn order(operation: &str, left: &Value, right: &Value) -> Result<Ordering, RenderError> {
    let is_number = |value: &Value| matches!(value, Value::Integer(_) | Value::Decimal(_));
    let is_time = |value: &Value| matches!(value, Value::Date(_) | Value::Time(_));
    match (left, right) {
        (Value::Text(a), Value::Text(b)) => Ok(a.as_str().cmp(b.as_str())),
        (Value::Date(a), Value::Date(b)) => Ok(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Ok(a.cmp(b)),
        (Value::Date(a), Value::Time(b)) => Ok(a.cmp(&b.date_naive())),
        (Value::Time(a), Value::Date(b)) => Ok(a.date_naive().cmp(b)),
        (Value::Text(text), value) if is_time(value) => Ok(text.as_str().cmp(&value.render())),
        (value, Value::Text(text)) if is_time(value) => {
            Ok(value.render().as_str().cmp(text.as_str()))
        }
        (a, b) if is_number(a) && is_number(b) => {
            Ok(exact(operation, a)?.cmp(&exact(operation, b)?))
        }
        (a, b) if is_number(a) => Err(wrong(operation, b)),
        (a, _) => Err(wrong(operation, a)),
    }
}

fn contains(whole: &Value, wanted: &Value) -> Result<bool, RenderError> {
    match (whole, wanted) {
        (Value::Text(text), Value::Text(wanted)) => Ok(text.as_str().contains(wanted.as_str())),
        (Value::List(values), wanted) => Ok(values.iter().any(|value| same(value, wanted))),
        (Value::Map(map), Value::Text(key)) => Ok(map.contains_key(key.as_str())),
        (Value::Text(_) | Value::Map(_), wanted) => Err(wrong("in", wanted)),
        (whole, _) => Err(wrong("in", whole)),
    }
}

fn join(value: &Value, between: &str) -> Done {
    let Value::List(values) = value else {
        return Err(wrong("join", value));
    };
    let mut joined = String::new();
    for (n, value) in values.iter().enumerate() {
        let text = value.render();
        let between = if n > 0 { between } else { "" };
        if joined.len() + between.len() + text.len() > RENDERED_BYTES_MAX {
            return Err(RenderError::TooLong);
        }
        joined.push_str(between);
        joined.push_str(&text);
    }
    Ok(Value::from(joined))
}

fn replace(text: Cow<'_, str>, old: &str, new: &str) -> Done {
    if old.is_empty() {
        return Err(out_of_range("replace"));
    }
    let found = text.matches(old).count();
    let grown = found.saturating_mul(new.len().saturating_sub(old.len()));
    if text.len().saturating_add(grown) > RENDERED_BYTES_MAX {
        return Err(RenderError::TooLong);
    }
    Ok(Value::from(text.replace(old, new)))
}

/// Cuts a text to so many letters, the mark at the end among them.
fn truncate(value: &Value, most: &Value, end: &str) -> Done {
    let text = text_of("truncate", value)?;
    let most = most
        .as_integer()
        .and_then(|most| usize::try_from(most).ok());
    let most = most.ok_or_else(|| out_of_range("truncate"))?;
    if text.chars().count() <= most {
        return Ok(Value::from(&*text));
    }
    let kept = most.saturating_sub(end.chars().count());
    let short: String = text.chars().take(kept).chain(end.chars()).collect();
    Ok(Value::from(short.chars().take(most).collect::<String>()))
}

/// A date or moment by a form of `%d %m %Y %y %H %M %S %%` and other letters. Moments are shown
/// in UTC; a text is taken where it is a date such as 2026-01-05.
fn date(value: &Value, form: &str) -> Done {
    let (day, time) = match value {
        Value::Date(day) => (*day, None),
        Value::Time(moment) => (moment.date_naive(), Some(moment.time())),
        Value::Text(text) => {
            let day = text.as_str().parse().map_err(|_| wrong("date", value))?;
            (day, None)
        }
        value => return Err(wrong("date", value)),
    };
    let mut out = String::new();
    let mut letters = form.chars();
    while let Some(letter) = letters.next() {
        if out.len() > RENDERED_BYTES_MAX {
            return Err(RenderError::TooLong);
        }
        if letter != '%' {
            out.push(letter);
            continue;
        }
        out += &match (letters.next(), time) {
            (Some('%'), _) => "%".to_owned(),
            (Some('d'), _) => day.format("%d").to_string(),
            (Some('m'), _) => day.format("%m").to_string(),
            (Some('Y'), _) => day.format("%Y").to_string(),
            (Some('y'), _) => day.format("%y").to_string(),
            (Some('H'), Some(time)) => time.format("%H").to_string(),
            (Some('M'), Some(time)) => time.format("%M").to_string(),
            (Some('S'), Some(time)) => time.format("%S").to_string(),
            _ => return Err(out_of_range("date")),
        };
    }
    Ok(Value::from(out))
}
