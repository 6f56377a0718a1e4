//! Templates and expressions that minijinja runs.

use std::borrow::Cow;
use std::error::Error as _;
use std::sync::{Arc, LazyLock};

use minijinja::value::{Object, ObjectRepr, Rest, Value as Term};
use minijinja::{Environment, Error, ErrorKind, Expression, State, UndefinedBehavior};

use crate::dialog::{Dialog, VALUE_DEPTH_MAX, Value};
use crate::flow::template::grammar::{Grammar, Names, literal};
use crate::flow::template::operation;
use crate::flow::template::path::Path;
use crate::flow::template::percent;
use crate::flow::template::pieces::{Inside, Piece};
use crate::flow::template::{Capped, RENDERED_BYTES_MAX, Read, RenderError, TemplateError};

/// Deepest nesting of `{% if %}` and `{% for %}`.
const BLOCKS_MAX: usize = 8;

/// Most `{% elif %}` in a template.
const ELIFS_MAX: usize = 16;

/// Most items that one loop goes over.
const LOOP_ITEMS_MAX: usize = 200;

/// Instructions that a template may take. A loop over the most items with a body of twenty
/// placeholders fits.
const FUEL: u64 = 20_000;

/// Bytes of values that operations may read and write while one template is filled in. Fuel
/// counts instructions, and one instruction may touch a long text.
const WORK_MAX: usize = 4 * 1024 * 1024;

/// Bytes of values that a template may read.
const CONTEXT_MAX: usize = 4 * RENDERED_BYTES_MAX;

/// A compiled template or expression.
#[derive(Debug)]
pub(super) struct Program {
    kind: Kind,
    reads: Vec<(Path, Read)>,
}

#[derive(Debug)]
enum Kind {
    /// One expression and nothing beside it.
    Value(Expression<'static, 'static>),
    /// An environment with one template in it: a template can't be kept without one.
    Text(Box<Environment<'static>>),
}

const NAME: &str = "template";

impl Program {
    /// Compiles a template.
    pub(super) fn template(pieces: &[Piece<'_>]) -> Result<Self, TemplateError> {
        if let [Piece::Output(inside)] = pieces {
            return Self::expression(*inside);
        }
        Self::text(pieces, Writer::default())
    }

    /// Compiles an address: what its placeholders give comes percent-encoded.
    pub(super) fn encoding(pieces: &[Piece<'_>]) -> Result<Self, TemplateError> {
        let writer = Writer {
            encodes: true,
            ..Writer::default()
        };
        Self::text(pieces, writer)
    }

    fn text(pieces: &[Piece<'_>], mut writer: Writer) -> Result<Self, TemplateError> {
        for piece in pieces {
            writer.write(*piece)?;
        }
        let (source, reads) = writer.finish()?;
        let mut environment = ENVIRONMENT.clone();
        environment
            .add_template_owned(NAME, source)
            .map_err(|_| TemplateError::Refused)?;
        Ok(Self {
            kind: Kind::Text(Box::new(environment)),
            reads,
        })
    }

    /// Compiles what stands between `{{` and `}}`.
    pub(super) fn expression(inside: Inside<'_>) -> Result<Self, TemplateError> {
        let mut names = Names::default();
        let source = output(inside, &mut names)?;
        let expression = ENVIRONMENT.compile_expression_owned(source);
        Ok(Self {
            kind: Kind::Value(expression.map_err(|_| TemplateError::Refused)?),
            reads: names.into_reads(),
        })
    }

    pub(super) fn is_value(&self) -> bool {
        matches!(self.kind, Kind::Value(_))
    }

    pub(super) fn reads(&self) -> impl Iterator<Item = &Read> {
        self.reads.iter().map(|(_, read)| read)
    }

    /// The value of an expression, or the text of a template.
    pub(super) fn run(&self, dialog: &dyn Dialog) -> Result<Value, RenderError> {
        let context = self.context(dialog)?;
        match &self.kind {
            Kind::Value(expression) => {
                let value = expression.eval(context).map_err(|error| cause(&error))?;
                Ok(owned(&value).into_owned())
            }
            Kind::Text(environment) => {
                let template = environment
                    .get_template(NAME)
                    .map_err(|error| cause(&error))?;
                let mut out = Capped::new();
                template
                    .render_captured_to(context, &mut out)
                    .map_err(|error| cause(&error))?;
                Ok(Value::from(out.into_text()))
            }
        }
    }

    /// The values that the template reads, null for those that aren't there. Each path has the
    /// alias of its first place in the list.
    fn context(&self, dialog: &dyn Dialog) -> Result<Term, RenderError> {
        let mut weight = 0;
        let mut terms = Vec::with_capacity(self.reads.len());
        for (n, (path, _)) in self.reads.iter().enumerate() {
            if self.reads[..n].iter().any(|(earlier, _)| earlier == path) {
                continue;
            }
            let value = path.with(dialog, |value| {
                // Before anything walks down into it.
                if !is_shallow(value, VALUE_DEPTH_MAX) {
                    return Err(RenderError::TooLong);
                }
                weight += value.weight();
                if weight > CONTEXT_MAX {
                    return Err(RenderError::TooLong);
                }
                Ok(term(value.clone()))
            });
            let value = value.unwrap_or_else(|| Ok(Term::from(())))?;
            terms.push((format!("v{n}"), value));
        }
        Ok(Term::from_pairs(terms))
    }
}

/// Writes minijinja's source of a template.
#[derive(Debug, Default)]
struct Writer {
    source: String,
    names: Names,
    blocks: Vec<Block>,
    /// How many `{% elif %}` there are: each of them is a level for minijinja.
    elifs: usize,
    /// Whether what placeholders give comes percent-encoded.
    encodes: bool,
}

#[derive(Debug)]
struct Block {
    open: usize,
    is_loop: bool,
    /// Names that the loop gives.
    given: usize,
    has_else: bool,
}

impl Writer {
    fn write(&mut self, piece: Piece<'_>) -> Result<(), TemplateError> {
        match piece {
            // A literal, so that no text can meet a brace of ours.
            Piece::Text(text) => self.emit("{{ ", &literal(text), " }}"),
            Piece::Output(inside) => {
                let code = output(inside, &mut self.names)?;
                match self.encodes {
                    true => self.emit("{{ encoded(", &code, ") }}"),
                    false => self.emit("{{ ", &code, " }}"),
                }
            }
            Piece::Tag(inside) => self.tag(inside)?,
        }
        Ok(())
    }

    fn emit(&mut self, before: &str, code: &str, after: &str) {
        self.source.extend([before, code, after]);
    }

    fn tag(&mut self, inside: Inside<'_>) -> Result<(), TemplateError> {
        let misplaced = |tag: &str| TemplateError::Misplaced {
            at: inside.open,
            tag: tag.to_owned(),
        };
        let mut grammar = Grammar::new(inside, &mut self.names)?;
        let tag = grammar.name()?;
        match tag {
            "if" => {
                let test = grammar.any()?.needed();
                grammar.finish()?;
                self.open(inside, false, 0)?;
                self.emit("{% if ", &test, " %}");
            }
            "elif" => {
                let test = grammar.any()?.needed();
                grammar.finish()?;
                self.elifs += 1;
                if self.elifs > ELIFS_MAX {
                    return Err(TemplateError::TooDeep { at: inside.open });
                }
                match self.blocks.last() {
                    Some(block) if !block.is_loop && !block.has_else => {}
                    _ => return Err(misplaced(tag)),
                }
                self.emit("{% elif ", &test, " %}");
            }
            "else" => {
                grammar.finish()?;
                match self.blocks.last_mut() {
                    Some(block) if !block.has_else => block.has_else = true,
                    _ => return Err(misplaced(tag)),
                }
                self.leave_loop();
                self.source.push_str("{% else %}");
            }
            "endif" | "endfor" => {
                grammar.finish()?;
                match self.blocks.last() {
                    Some(block) if block.is_loop == (tag == "endfor") => {}
                    _ => return Err(misplaced(tag)),
                }
                self.leave_loop();
                self.blocks.pop();
                self.emit("{% ", tag, " %}");
            }
            "for" => {
                let targets = grammar.targets()?;
                if !grammar.word("in") {
                    grammar.finish()?;
                    return Err(misplaced(tag));
                }
                let items = grammar.any()?.needed();
                grammar.finish()?;
                let aliases: Vec<_> = targets
                    .iter()
                    .map(|target| grammar.names.give(target))
                    .collect();
                grammar.names.loops += 1;
                let of = if aliases.len() == 2 { "pairs" } else { "items" };
                self.open(inside, true, aliases.len())?;
                let head = format!("{} in {of}({items})", aliases.join(", "));
                self.emit("{% for ", &head, " %}");
            }
            _ => {
                return Err(TemplateError::UnknownTag {
                    at: inside.open,
                    tag: tag.to_owned(),
                });
            }
        }
        Ok(())
    }

    fn open(
        &mut self,
        inside: Inside<'_>,
        is_loop: bool,
        given: usize,
    ) -> Result<(), TemplateError> {
        if self.blocks.len() == BLOCKS_MAX {
            return Err(TemplateError::TooDeep { at: inside.open });
        }
        self.blocks.push(Block {
            open: inside.open,
            is_loop,
            given,
            has_else: false,
        });
        Ok(())
    }

    /// The names of the innermost loop end with its body, at its `else` or its end.
    fn leave_loop(&mut self) {
        let Some(block) = self.blocks.last_mut().filter(|block| block.given > 0) else {
            return;
        };
        let left = self.names.locals.len() - block.given;
        self.names.locals.truncate(left);
        self.names.loops -= 1;
        block.given = 0;
    }

    fn finish(self) -> Result<(String, Vec<(Path, Read)>), TemplateError> {
        match self.blocks.last() {
            Some(block) => Err(TemplateError::Unclosed { at: block.open }),
            None => Ok((self.source, self.names.into_reads())),
        }
    }
}

/// The source of an expression that is filled in: there must be a value.
fn output(inside: Inside<'_>, names: &mut Names) -> Result<String, TemplateError> {
    let mut grammar = Grammar::new(inside, names)?;
    let code = grammar.expression()?;
    grammar.finish()?;
    let name = super::token::shortened(inside.text);
    Ok(format!("need({}, {})", code.needed(), literal(&name)))
}

/// A value of ours inside minijinja, which neither converts nor looks into it.
#[derive(Debug)]
struct Held(Value);

impl Object for Held {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        operation::is_true(&self.0)
    }
}

/// Whether a value is nested at most so deep. It looks no deeper than that itself: a host's
/// record may give anything.
fn is_shallow(value: &Value, levels: usize) -> bool {
    let fits = |value: &Value| is_shallow(value, levels - 1);
    levels > 0
        && match value {
            Value::List(values) => values.iter().all(fits),
            Value::Map(map) => map.values().all(fits),
            _ => true,
        }
}

fn term(value: Value) -> Term {
    match value {
        Value::Null => Term::from(()),
        Value::Bool(yes) => Term::from(yes),
        Value::Integer(number) => Term::from(number),
        value => Term::from_object(Held(value)),
    }
}

fn owned(term: &Term) -> Cow<'_, Value> {
    if let Some(held) = term.downcast_object_ref::<Held>() {
        return Cow::Borrowed(&held.0);
    }
    Cow::Owned(match term.as_str() {
        Some(text) => Value::from(text),
        None if term.is_integer() => term.as_i64().map_or(Value::Null, Value::Integer),
        None if matches!(term.kind(), minijinja::value::ValueKind::Bool) => {
            Value::Bool(term.is_true())
        }
        None => Value::Null,
    })
}

/// What every template runs in: a few functions, and none of minijinja's filters and tests.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::empty();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_formatter(|out, _, value| {
        let value = owned(value);
        let written = match value.as_text() {
            Some(text) => out.write_str(text),
            None => out.write_str(&value.render()),
        };
        written.map_err(|_| refusal(RenderError::TooLong))
    });
    environment.add_function("call", call);
    environment.add_function("need", |value: Term, name: String| {
        if owned(&value).is_null() {
            return Err(refusal(RenderError::ValueMissing { name }));
        }
        Ok(value)
    });
    environment.add_function("encoded", |state: &mut State<'_, '_>, value: Term| {
        let mut out = Capped::new();
        owned(&value)
            .write_to(&mut percent::Encoding(&mut out))
            .map_err(|_| refusal(RenderError::TooLong))?;
        let text = out.into_text();
        charge(state, text.len())?;
        Ok(Term::from(text))
    });
    environment.add_function("missing", |value: Term| owned(&value).is_null());
    environment.add_function("default", |value: Term, other: Term| {
        if owned(&value).is_null() {
            other
        } else {
            value
        }
    });
    environment.add_function(
        "part",
        |state: &mut State<'_, '_>, value: Term, key: Term| {
            let part = operation::part(&owned(&value), &owned(&key));
            charge(state, part.weight())?;
            Ok(term(part))
        },
    );
    environment.add_function("exact", |digits: String| {
        let number = digits.parse().map_err(|_| refusal(RenderError::Failed))?;
        Ok(term(Value::Decimal(number)))
    });
    environment.add_function("items", |state: &mut State<'_, '_>, value: Term| {
        let value = owned(&value);
        charge(state, value.weight())?;
        items(&value)
    });
    environment.add_function("pairs", |state: &mut State<'_, '_>, value: Term| {
        let value = owned(&value);
        charge(state, value.weight())?;
        let Value::Map(map) = &*value else {
            return Err(no_items(&value));
        };
        let pairs = map
            .iter()
            .map(|(key, value)| Term::from(vec![Term::from(key.as_str()), term(value.clone())]));
        limited(pairs)
    });
    environment
});

fn call(state: &mut State<'_, '_>, name: String, terms: Rest<Term>) -> Result<Term, Error> {
    let values: Vec<_> = terms.iter().map(owned).collect();
    let weight = values.iter().map(|value| value.weight()).sum();
    charge(state, weight)?;
    let done = if name == "list" {
        operation::list(&values)
    } else {
        operation::perform(&name, &values)
    };
    let value = done.map_err(refusal)?;
    charge(state, value.weight())?;
    Ok(term(value))
}

/// What a loop goes over: the elements of a list, the keys of a map.
fn items(value: &Value) -> Result<Term, Error> {
    match value {
        Value::List(values) => limited(values.iter().map(|value| term(value.clone()))),
        Value::Map(map) => limited(map.keys().map(|key| Term::from(key.as_str()))),
        value => Err(no_items(value)),
    }
}

fn no_items(value: &Value) -> Error {
    refusal(operation::wrong("for", value))
}

fn limited(items: impl ExactSizeIterator<Item = Term>) -> Result<Term, Error> {
    if items.len() > LOOP_ITEMS_MAX {
        return Err(refusal(RenderError::TooCostly));
    }
    Ok(Term::from(items.collect::<Vec<_>>()))
}

/// Bytes that the operations of one run have touched.
#[derive(Default)]
struct Work(usize);

fn charge(state: &mut State<'_, '_>, bytes: usize) -> Result<(), Error> {
    let work = state.get_or_insert_extension(Work::default());
    work.0 = work.0.saturating_add(bytes);
    if work.0 > WORK_MAX {
        return Err(refusal(RenderError::TooCostly));
    }
    Ok(())
}

/// Our error on its way through minijinja.
fn refusal(error: RenderError) -> Error {
    Error::new(ErrorKind::InvalidOperation, "refused").with_source(error)
}

/// Our error out of minijinja's. Its own words are left behind: they may hold contents.
fn cause(error: &Error) -> RenderError {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(ours) = inner.downcast_ref::<RenderError>() {
            return ours.clone();
        }
        source = inner.source();
    }
    match error.kind() {
        ErrorKind::OutOfFuel => RenderError::TooCostly,
        ErrorKind::WriteFailure => RenderError::TooLong,
        _ => RenderError::Failed,
    }
}
