//! Where a path leads in a file.

use super::{Kind, Node, Span};

/// One part of a path such as `steps`, `2`, `ask`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathPart<'p> {
    /// The value of a key.
    Key(&'p str),
    /// An element of a list, from 0.
    Index(usize),
}

/// The place of the deepest part of the path that is there.
///
/// That is the value, or its key when the value is a map or a list: those go on for lines, and
/// the key is what an author recognises. A path whose end is missing leads to what should have
/// contained it, so a problem found after reading always has a place.
pub(crate) fn locate(node: &Node, path: &[PathPart<'_>]) -> Span {
    let (mut node, mut place) = (node, node.span);
    for part in path {
        let inner = match (part, &node.kind) {
            (PathPart::Key(key), Kind::Map(_)) => {
                node.entry(key).map(|entry| (&entry.value, entry.place()))
            }
            (PathPart::Index(index), Kind::List(elements)) => {
                elements.get(*index).map(|element| (element, element.span))
            }
            _ => None,
        };
        let Some(inner) = inner else {
            break;
        };
        (node, place) = inner;
    }
    place
}
