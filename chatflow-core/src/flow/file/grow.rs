//! From the parser's events to the tree.

use std::collections::HashMap;

use serde_saphyr::granit_parser::{self, Event, ScalarStyle, Tag};

use super::parse::{DEPTH_MAX, NODES_MAX, SOURCE_BYTES_MAX};
use super::places::Places;
use super::scalar;
use super::{Entry, Kind, Node, ReadProblem, Span};

/// A tree that grows event by event, within the limits.
pub(super) struct Tree<'s> {
    places: &'s Places<'s>,
    root: Option<Node>,
    /// The lists and maps that are open, outermost first.
    open: Vec<Open>,
    anchors: HashMap<usize, Weighed>,
    nodes: usize,
    /// Bytes of text that aliases repeat.
    repeated_bytes: usize,
}

/// A list or map whose end hasn't come yet.
struct Open {
    items: Items,
    span: Span,
    anchor: usize,
    /// The deepest nesting inside it, itself counted.
    height: usize,
    nodes: usize,
    bytes: usize,
}

enum Items {
    List(Vec<Node>),
    /// The entries, and a key whose value comes next.
    Map(Vec<Entry>, Option<(String, Span)>),
}

/// A value, and what repeating it by an alias costs.
#[derive(Clone)]
struct Weighed {
    kind: Kind,
    height: usize,
    nodes: usize,
    bytes: usize,
}

impl<'s> Tree<'s> {
    pub(super) fn new(places: &'s Places<'s>) -> Self {
        Self {
            places,
            root: None,
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            repeated_bytes: 0,
        }
    }

    /// The whole tree. A file without a value is a null at its beginning.
    pub(super) fn finish(self) -> Node {
        self.root.unwrap_or_else(|| Node {
            kind: Kind::Null,
            span: self.places.start(),
        })
    }

    pub(super) fn take(
        &mut self,
        event: Event<'_>,
        at: &granit_parser::Span,
    ) -> Result<(), ReadProblem> {
        let span = self.places.span(at);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                untagged(tag.as_deref(), span)?;
                let bytes = text.len();
                let kind = match style {
                    ScalarStyle::Plain if text == "<<" && self.awaits_key() => {
                        let problem = ReadProblem::new(span, "merge keys (`<<`) aren't supported");
                        let hint = "write the entries out, or use an alias for the whole value";
                        return Err(problem.hint(hint));
                    }
                    ScalarStyle::Plain => scalar::plain(text.into_owned()),
                    _ => Kind::Text(text.into_owned()),
                };
                let value = Weighed {
                    kind,
                    height: 0,
                    nodes: 1,
                    bytes,
                };
                self.count(1, span)?;
                self.add(value, span, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                untagged(tag.as_deref(), span)?;
                self.begin(Items::List(Vec::new()), span, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                untagged(tag.as_deref(), span)?;
                self.begin(Items::Map(Vec::new(), None), span, anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, span),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, items: Items, span: Span, anchor: usize) -> Result<(), ReadProblem> {
        self.count(1, span)?;
        if self.open.len() == DEPTH_MAX {
            return Err(too_deep(span));
        }
        self.open.push(Open {
            items,
            span: self.places.visible(span),
            anchor,
            height: 1,
            nodes: 1,
            bytes: 0,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), ReadProblem> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let kind = match open.items {
            Items::List(elements) => Kind::List(elements),
            Items::Map(entries, _) => Kind::Map(entries),
        };
        let value = Weighed {
            kind,
            height: open.height,
            nodes: open.nodes,
            bytes: open.bytes,
        };
        self.add(value, open.span, open.anchor)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), ReadProblem> {
        let Some(value) = self.anchors.get(&anchor) else {
            let message = "an alias stands inside its own anchor";
            return Err(ReadProblem::new(span, message));
        };
        if self.open.len() + value.height > DEPTH_MAX {
            return Err(too_deep(span));
        }
        // The cost is known before anything is copied.
        let (nodes, bytes) = (value.nodes, value.bytes);
        self.repeated_bytes += bytes;
        if self.repeated_bytes > SOURCE_BYTES_MAX {
            let problem = ReadProblem::new(span, "the file's aliases stand for too much text");
            return Err(problem.hint("use fewer aliases"));
        }
        self.count(nodes, span)?;
        let value = self.anchors[&anchor].clone();
        self.add(value, span, NO_ANCHOR)
    }

    /// Puts a value where it belongs: into what is open, or at the root.
    fn add(&mut self, value: Weighed, span: Span, anchor: usize) -> Result<(), ReadProblem> {
        if anchor != NO_ANCHOR {
            // Anchored values inside one another would be kept once for each of them.
            self.count(value.nodes, span)?;
            self.anchors.insert(anchor, value.clone());
        }
        let absent = value.kind == Kind::Null && span.length == 0;
        let node = Node {
            kind: value.kind,
            span,
        };
        let Some(open) = self.open.last_mut() else {
            let span = if absent { self.places.start() } else { span };
            self.root = Some(Node { span, ..node });
            return Ok(());
        };
        open.height = open.height.max(value.height + 1);
        open.nodes += value.nodes;
        open.bytes += value.bytes;
        match &mut open.items {
            Items::List(elements) => {
                // The parser finds a value that isn't there at whatever comes next.
                let span = if absent {
                    self.places.before(span)
                } else {
                    span
                };
                elements.push(Node { span, ..node });
            }
            Items::Map(_, next @ None) => *next = Some((key(&node)?, span)),
            Items::Map(entries, next) => {
                if let Some((key, key_span)) = next.take() {
                    let span = if absent { key_span } else { span };
                    entries.push(Entry {
                        key,
                        key_span,
                        value: Node { span, ..node },
                    });
                }
            }
        }
        Ok(())
    }

    fn awaits_key(&self) -> bool {
        let open = self.open.last().map(|open| &open.items);
        matches!(open, Some(Items::Map(_, None)))
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), ReadProblem> {
        self.nodes += nodes;
        if self.nodes <= NODES_MAX {
            return Ok(());
        }
        let message = format!("the file has more than {NODES_MAX} values");
        let problem = ReadProblem::new(span, message);
        Err(problem.hint("split it into several flows, or use fewer aliases"))
    }
}

fn key(node: &Node) -> Result<String, ReadProblem> {
    if let Some(key) = node.written() {
        return Ok(key.to_owned());
    }
    let message = format!("a key must be a text, found {node}");
    let problem = ReadProblem::new(node.span, message);
    Err(match node.kind {
        // `{{ name }}` without quotes is a map whose key is a map.
        Kind::Map(_) => problem.hint("put a text that begins with `{` in quotes"),
        Kind::List(_) => problem.hint("put a text that begins with `[` in quotes"),
        _ => problem.hint("put the key in quotes"),
    })
}

fn untagged(tag: Option<&Tag>, span: Span) -> Result<(), ReadProblem> {
    match tag {
        None => Ok(()),
        Some(_) => Err(ReadProblem::new(span, "tags have no meaning in this file")
            .hint("put a text that begins with `!` in quotes")),
    }
}

pub(super) fn too_deep(span: Span) -> ReadProblem {
    let message = format!("lists and maps are nested deeper than {DEPTH_MAX}");
    ReadProblem::new(span, message)
}

/// The parser counts anchors from 1.
const NO_ANCHOR: usize = 0;
