//! The language of templates and conditions: read by us, run by minijinja.
//!
//! We read expressions ourselves and hand minijinja an equal source of nothing but calls of our
//! own functions, `and`, `or`, `if` and `for`. So no operator of minijinja can build a text of a
//! gigabyte, its parser never sees nesting that we haven't counted, decimals never become
//! floats, and every name that is read is known before anything runs.

use std::fmt::Write as _;

use crate::dialog::Value;
use crate::flow::template::operation;
use crate::flow::template::path::{Path, RESERVED};
use crate::flow::template::pieces::Inside;
use crate::flow::template::token::{Token, TokenKind, shortened, tokens};
use crate::flow::template::{Read, TemplateError};

/// Deepest nesting of an expression, and the most operators or filters one after another. One
/// level takes minijinja's parser up to three of its own, and those need 20 KiB of stack each
/// in a debug build.
const DEPTH_MAX: usize = 16;

/// Most items on one level: arguments of a call, elements of a list, parts of `and` and `or`.
const ITEMS_MAX: usize = 64;

/// What an expression became.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) source: String,
    depth: usize,
    /// The name, where it is a value that must be there unless a default follows.
    name: Option<String>,
    /// The place of that value in the list of what is read.
    read: Option<usize>,
}

impl Code {
    /// The source of an expression whose value must be there.
    pub(super) fn needed(self) -> String {
        match self.name {
            Some(name) => format!("need({}, {})", self.source, literal(&name)),
            None => self.source,
        }
    }
}

/// What a template reads, and the names it gives itself in loops.
#[derive(Debug, Default)]
pub(super) struct Names {
    reads: Vec<(Path, Read)>,
    /// Innermost last: what the author calls it, and what it is called in minijinja's source.
    pub(super) locals: Vec<(String, String)>,
    /// How many loops are open.
    pub(super) loops: usize,
    /// How many local names there have been.
    given: usize,
    /// Names that a test asks about.
    tested: Vec<Path>,
}

impl Names {
    /// What minijinja calls the value of a path. ASCII, whatever the author's letters.
    fn alias(&mut self, path: Path) -> (String, usize) {
        let known = self.reads.iter().position(|(read, _)| *read == path);
        let first = known.unwrap_or(self.reads.len());
        let name = path.to_string();
        self.reads.push((
            path,
            Read {
                name,
                guarded: false,
            },
        ));
        (format!("v{first}"), self.reads.len() - 1)
    }

    /// All that is read. Whoever asks about a name in one place of a template knows that it may
    /// be missing in the others.
    pub(super) fn into_reads(self) -> Vec<(Path, Read)> {
        let mut reads = self.reads;
        for (path, read) in &mut reads {
            read.guarded |= self.tested.contains(path);
        }
        reads
    }

    /// Opens a scope with a name of the author's.
    pub(super) fn give(&mut self, name: &str) -> String {
        let alias = format!("l{}", self.given);
        self.given += 1;
        self.locals.push((name.to_owned(), alias.clone()));
        alias
    }

    fn local(&self, name: &str) -> Option<String> {
        let found = self.locals.iter().rev().find(|(local, _)| local == name);
        found.map(|(_, alias)| alias.clone())
    }
}

/// Reads the tokens of one tag from left to right.
#[derive(Debug)]
pub(super) struct Grammar<'s, 'n> {
    tokens: Vec<Token<'s>>,
    next: usize,
    end: usize,
    depth: usize,
    pub(super) names: &'n mut Names,
}

type Parsed<T> = Result<T, TemplateError>;

impl<'s, 'n> Grammar<'s, 'n> {
    pub(super) fn new(inside: Inside<'s>, names: &'n mut Names) -> Parsed<Self> {
        Ok(Self {
            tokens: tokens(inside)?,
            next: 0,
            end: inside.at + inside.text.len(),
            depth: 0,
            names,
        })
    }

    /// The byte where the next token stands.
    pub(super) fn at(&self) -> usize {
        self.tokens
            .get(self.next)
            .map_or(self.end, |token| token.at)
    }

    fn peek(&self) -> Option<&TokenKind<'s>> {
        self.tokens.get(self.next).map(|token| &token.kind)
    }

    fn found(&self) -> String {
        let text = self.tokens.get(self.next).map_or("", |token| token.text);
        shortened(text)
    }

    fn sign(&mut self, sign: &str) -> bool {
        let is_it = matches!(self.peek(), Some(TokenKind::Sign(found)) if *found == sign);
        self.next += usize::from(is_it);
        is_it
    }

    pub(super) fn word(&mut self, word: &str) -> bool {
        let is_it = matches!(self.peek(), Some(TokenKind::Name(found)) if *found == word);
        self.next += usize::from(is_it);
        is_it
    }

    /// The next token, which must be a name.
    pub(super) fn name(&mut self) -> Parsed<&'s str> {
        match self.peek() {
            Some(&TokenKind::Name(name)) => {
                self.next += 1;
                Ok(name)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Names of a loop: `x` or `key, value`.
    pub(super) fn targets(&mut self) -> Parsed<Vec<&'s str>> {
        let mut targets = Vec::new();
        loop {
            let at = self.at();
            let name = self.name()?;
            let taken = ["data", "contact", "variable", "loop"];
            if RESERVED.contains(&name) || taken.contains(&name) || targets.contains(&name) {
                let found = name.to_owned();
                return Err(TemplateError::NotAName { at, found });
            }
            targets.push(name);
            if targets.len() == 2 || !self.sign(",") {
                return Ok(targets);
            }
        }
    }

    fn unexpected(&self) -> TemplateError {
        let (at, found) = (self.at(), self.found());
        TemplateError::Unexpected { at, found }
    }

    fn expect(&mut self, sign: &str) -> Parsed<()> {
        if self.sign(sign) {
            return Ok(());
        }
        Err(self.unexpected())
    }

    /// Nothing may follow.
    pub(super) fn finish(&self) -> Parsed<()> {
        if self.next < self.tokens.len() {
            return Err(self.unexpected());
        }
        Ok(())
    }

    /// Puts parts together, one level deeper than the deepest.
    fn code(&self, source: String, depth: usize) -> Parsed<Code> {
        if depth >= DEPTH_MAX {
            return Err(TemplateError::TooDeep { at: self.at() });
        }
        Ok(Code {
            source,
            depth: depth + 1,
            name: None,
            read: None,
        })
    }

    /// A call of one of our operations. Its values must be there.
    fn call(&self, operation: &str, values: Vec<Code>) -> Parsed<Code> {
        let depth = values.iter().map(|value| value.depth).max().unwrap_or(0);
        let mut source = format!("call({}", literal(operation));
        for value in values {
            let _ = write!(source, ", {}", value.needed());
        }
        source.push(')');
        self.code(source, depth)
    }

    /// Goes one level down in the author's own nesting, before any recursion.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEPTH_MAX {
            return Err(TemplateError::TooDeep { at: self.at() });
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// `a if test else b`, the widest expression.
    pub(super) fn expression(&mut self) -> Parsed<Code> {
        self.deeper(|grammar| {
            let value = grammar.any()?;
            if !grammar.word("if") {
                return Ok(value);
            }
            let test = grammar.any()?;
            if !grammar.word("else") {
                return Err(grammar.unexpected());
            }
            let other = grammar.expression()?;
            let depth = value.depth.max(test.depth).max(other.depth);
            let (value, test, other) = (value.needed(), test.needed(), other.needed());
            grammar.code(format!("({value} if {test} else {other})"), depth)
        })
    }

    /// What a condition of `if`, or the list of a loop, may be: no `if … else` without brackets.
    pub(super) fn any(&mut self) -> Parsed<Code> {
        self.chain(" or ", "or", |grammar| {
            grammar.chain(" and ", "and", Self::negation)
        })
    }

    fn chain(
        &mut self,
        joint: &str,
        word: &str,
        part: impl Fn(&mut Self) -> Parsed<Code>,
    ) -> Parsed<Code> {
        let first = part(self)?;
        if !self.word(word) {
            return Ok(first);
        }
        let mut depth = first.depth;
        let mut parts = vec![first.needed()];
        loop {
            if parts.len() == ITEMS_MAX {
                return Err(TemplateError::TooDeep { at: self.at() });
            }
            let next = part(self)?;
            depth = depth.max(next.depth);
            parts.push(next.needed());
            if !self.word(word) {
                return self.code(format!("({})", parts.join(joint)), depth);
            }
        }
    }

    fn negation(&mut self) -> Parsed<Code> {
        if !self.word("not") {
            return self.comparison();
        }
        self.deeper(|grammar| {
            let value = grammar.negation()?;
            let depth = value.depth;
            grammar.code(format!("(not {})", value.needed()), depth)
        })
    }

    fn comparison(&mut self) -> Parsed<Code> {
        const SIGNS: [&str; 6] = ["==", "!=", "<=", ">=", "<", ">"];
        let left = self.sum()?;
        if let Some(sign) = SIGNS.into_iter().find(|sign| self.sign(sign)) {
            let right = self.sum()?;
            return self.call(sign, vec![left, right]);
        }
        if self.word("in") {
            let right = self.sum()?;
            return self.call("in", vec![left, right]);
        }
        let negated = matches!(
            self.tokens.get(self.next + 1).map(|token| &token.kind),
            Some(TokenKind::Name("in"))
        );
        if negated && self.word("not") {
            self.next += 1;
            let right = self.sum()?;
            return self.call("not in", vec![left, right]);
        }
        Ok(left)
    }

    fn sum(&mut self) -> Parsed<Code> {
        self.arithmetic(&["+", "-"], |grammar| {
            grammar.arithmetic(&["*", "//", "/", "%"], Self::filtered)
        })
    }

    fn arithmetic(
        &mut self,
        signs: &[&'static str],
        part: impl Fn(&mut Self) -> Parsed<Code>,
    ) -> Parsed<Code> {
        let mut whole = part(self)?;
        while let Some(sign) = signs.iter().find(|sign| self.sign(sign)) {
            let next = part(self)?;
            whole = self.call(sign, vec![whole, next])?;
        }
        Ok(whole)
    }

    /// A value with its filters and tests, which come after its sign: `-x | abs` is never
    /// negative, as in Jinja.
    fn filtered(&mut self) -> Parsed<Code> {
        let mut value = self.signed()?;
        loop {
            if self.sign("|") {
                value = self.filter(value)?;
            } else if self.word("is") {
                value = self.test(value)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn signed(&mut self) -> Parsed<Code> {
        if !self.sign("-") {
            return self.value();
        }
        self.deeper(|grammar| {
            let value = grammar.signed()?;
            grammar.call("negative", vec![value])
        })
    }

    fn filter(&mut self, value: Code) -> Parsed<Code> {
        let at = self.at();
        let name = self.name()?;
        let Some((least, most)) = operation::filter_arguments(name) else {
            let name = name.to_owned();
            return Err(TemplateError::UnknownFilter { at, name });
        };
        let arguments = if self.sign("(") {
            self.items(")")?
        } else {
            Vec::new()
        };
        if !(least..=most).contains(&arguments.len()) {
            let name = name.to_owned();
            return Err(TemplateError::BadArguments { at, name });
        }
        if matches!(name, "default" | "d") {
            return self.default(value, arguments);
        }
        let values = std::iter::once(value).chain(arguments).collect();
        self.call(name, values)
    }

    /// `x | default(y)`: `y` where there is no `x`. Without a `y` it is the empty text.
    fn default(&mut self, value: Code, arguments: Vec<Code>) -> Parsed<Code> {
        self.guard(&value);
        let other = arguments.into_iter().next();
        let depth = value.depth.max(other.as_ref().map_or(0, |code| code.depth));
        let other = other.map_or_else(|| literal(""), Code::needed);
        self.code(format!("default({}, {other})", value.source), depth)
    }

    fn guard(&mut self, value: &Code) {
        if let Some(read) = value.read {
            self.names.reads[read].1.guarded = true;
        }
    }

    fn test(&mut self, value: Code) -> Parsed<Code> {
        let negated = self.word("not");
        let at = self.at();
        let name = self.name()?;
        let tested = if name == "in" {
            let list = self.value()?;
            self.call("in", vec![value, list])?
        } else if matches!(name, "defined" | "undefined" | "none") {
            if let Some(read) = value.read {
                let path = self.names.reads[read].0.clone();
                self.names.tested.push(path);
            }
            let is = if name == "defined" { "not " } else { "" };
            let depth = value.depth;
            self.code(format!("({is}missing({}))", value.source), depth)?
        } else if operation::is_test(name) {
            self.call(&format!("is {name}"), vec![value])?
        } else {
            let name = name.to_owned();
            return Err(TemplateError::UnknownTest { at, name });
        };
        if !negated {
            return Ok(tested);
        }
        let depth = tested.depth;
        self.code(format!("(not {})", tested.source), depth)
    }

    /// Expressions up to a closing bracket.
    fn items(&mut self, close: &str) -> Parsed<Vec<Code>> {
        let mut items = Vec::new();
        while !self.sign(close) {
            if !items.is_empty() {
                self.expect(",")?;
                if self.sign(close) {
                    break;
                }
            }
            if items.len() == ITEMS_MAX {
                return Err(TemplateError::TooDeep { at: self.at() });
            }
            items.push(self.expression()?);
        }
        Ok(items)
    }

    /// A literal, a name with its parts, or brackets.
    fn value(&mut self) -> Parsed<Code> {
        let at = self.at();
        let Some(token) = self.tokens.get(self.next).cloned() else {
            return Err(TemplateError::NotAName {
                at,
                found: String::new(),
            });
        };
        self.next += 1;
        match token.kind {
            TokenKind::Literal(value) => self.code(constant(&value), 0),
            TokenKind::Sign("(") => {
                let value = self.expression()?;
                self.expect(")")?;
                Ok(value)
            }
            TokenKind::Sign("[") => {
                let items = self.items("]")?;
                self.call("list", items)
            }
            TokenKind::Name("true" | "True") => self.code("true".to_owned(), 0),
            TokenKind::Name("false" | "False") => self.code("false".to_owned(), 0),
            TokenKind::Name("none" | "None") => self.code("none".to_owned(), 0),
            TokenKind::Name(name) if !RESERVED.contains(&name) => self.named(name, at),
            _ => Err(TemplateError::NotAName {
                at,
                found: shortened(token.text),
            }),
        }
    }

    /// `x`, `data.x`, `now.date`, `order["total"]`, `item[0]`.
    fn named(&mut self, name: &'s str, at: usize) -> Parsed<Code> {
        let mut code = if name == "loop" && self.names.loops > 0 {
            return self.of_loop(at);
        } else if let Some(alias) = self.names.local(name) {
            let mut code = self.code(alias, 0)?;
            code.name = Some(name.to_owned());
            code
        } else {
            let is_owner = matches!(name, "data" | "contact" | "variable");
            let path = if is_owner && self.sign(".") {
                let inner = self.name()?;
                Path::of(name, inner)
            } else {
                Path::parse(name)
            };
            let path = path.ok_or_else(|| TemplateError::NotAName {
                at,
                found: shortened(name),
            })?;
            let name = path.to_string();
            let (alias, read) = self.names.alias(path);
            let mut code = self.code(alias, 0)?;
            (code.name, code.read) = (Some(name), Some(read));
            code
        };
        loop {
            let key = if self.sign(".") {
                Value::from(self.name()?)
            } else if self.sign("[") {
                let Some(TokenKind::Literal(key)) = self.peek().cloned() else {
                    return Err(self.unexpected());
                };
                self.next += 1;
                self.expect("]")?;
                key
            } else {
                return Ok(code);
            };
            let mut whole = code.name.take().unwrap_or_default();
            let _ = match key.as_text() {
                Some(key) => write!(whole, ".{}", shortened(key)),
                None => write!(whole, "[{}]", key.render()),
            };
            let read = code.read;
            let source = format!("part({}, {})", code.source, constant(&key));
            code = self.code(source, code.depth)?;
            (code.name, code.read) = (Some(whole), read);
        }
    }

    /// `loop.index` and its like, which minijinja knows.
    fn of_loop(&mut self, at: usize) -> Parsed<Code> {
        self.expect(".")?;
        let part = self.name()?;
        match part {
            "index" | "index0" | "revindex" | "first" | "last" | "length" => {
                self.code(format!("loop.{part}"), 0)
            }
            _ => Err(TemplateError::NotAName {
                at,
                found: format!("loop.{}", shortened(part)),
            }),
        }
    }
}

/// A string literal of minijinja.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        if matches!(letter, '"' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out.push('"');
    out
}

/// A literal of the author's as source.
fn constant(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Decimal(number) => format!("exact(\"{number}\")"),
        value => literal(value.as_text().unwrap_or_default()),
    }
}
