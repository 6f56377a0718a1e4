//! The name an author probably meant.

/// The known name nearest to `name`, if it is near enough to be a slip of the finger.
pub(crate) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    // A longer name is no slip, and the distance costs the product of both lengths.
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let written = plain(name);
    let allowed = (written.len() / 3).max(1);
    known
        .iter()
        .map(|candidate| (distance(&written, &plain(candidate)), *candidate))
        .filter(|(distance, _)| *distance <= allowed && *distance < written.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The known names as a sentence lists them.
pub(crate) fn list(known: &[&str]) -> String {
    known
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Case and the way words are joined are not what makes two names different.
fn plain(name: &str) -> Vec<char> {
    name.chars()
        .flat_map(char::to_lowercase)
        .map(|letter| {
            if letter == '-' || letter == ' ' {
                '_'
            } else {
                letter
            }
        })
        .collect()
}

/// How many letters are added, lost, changed or swapped with their neighbour.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before = vec![0; to.len() + 1];
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (n, letter) in from.iter().enumerate() {
        let mut row = vec![n + 1];
        for (m, other) in to.iter().enumerate() {
            let mut least = (above[m] + usize::from(letter != other))
                .min(above[m + 1] + 1)
                .min(row[m] + 1);
            if n > 0 && m > 0 && *letter == to[m - 1] && from[n - 1] == *other {
                least = least.min(before[m - 1] + 1);
            }
            row.push(least);
        }
        before = above;
        above = row;
    }
    above[to.len()]
}

const NAME_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let known = ["question", "save", "retry", "choices", "time_zone"];
        assert_eq!(nearest("questoin", &known), Some("question"));
        assert_eq!(nearest("Choises", &known), Some("choices"));
        assert_eq!(nearest("time-zone", &known), Some("time_zone"));
        assert_eq!(nearest("saev", &known), Some("save"));
        assert_eq!(nearest("banana", &known), None);
        assert_eq!(nearest("", &known), None);
        assert_eq!(nearest("x", &["y"]), None);
        assert_eq!(nearest(&"question".repeat(1000), &known), None);
    }
}
