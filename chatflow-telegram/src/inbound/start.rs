//! What a start link carries.

use chatflow_core::Text;

/// Longest payload of a start link, in letters.
const PAYLOAD_MAX: usize = 64;

/// What the link carried, where the message is one that a start link writes. The inner `None`
/// is a start without a payload, or with one that no link can carry.
///
/// In a group the command has to name us: the same words go to every bot there.
pub(super) fn payload(text: &str, is_private: bool, username: &str) -> Option<Option<Text>> {
    let rest = text.strip_prefix(COMMAND)?;
    let (mention, rest) = match rest.find(char::is_whitespace) {
        Some(end) => rest.split_at(end),
        None => (rest, ""),
    };
    match mention.strip_prefix('@') {
        Some(name) if name.eq_ignore_ascii_case(username) => {}
        None if mention.is_empty() && is_private => {}
        _ => return None,
    }
    let payload = rest.trim();
    let is_payload = (1..=PAYLOAD_MAX).contains(&payload.len())
        && payload
            .bytes()
            .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, b'_' | b'-'));
    Some(is_payload.then(|| Text::from(payload)))
}

const COMMAND: &str = "/start";
