//! Reads the log, all of it.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Everything that is logged, down to TRACE, as text.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    text: String,
    is_over: bool,
}

impl Log {
    /// The first of a process gets the lines of all its threads, until [`end`](Log::end); later
    /// ones are to be set for a future.
    pub(super) fn begin() -> Self {
        static FIRST: Once = Once::new();
        let log = Self::default();
        FIRST.call_once(|| {
            // Where a test has set another for the process, that one stays.
            let _ = tracing::subscriber::set_global_default(log.clone());
        });
        log
    }

    /// Nothing more is kept.
    pub(super) fn end(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_over = true;
    }

    pub(super) fn text(&self) -> String {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .text
            .clone()
    }

    fn write(&self, metadata: &Metadata<'_>, values: impl FnOnce(&mut Values)) {
        let (level, target, name) = (metadata.level(), metadata.target(), metadata.name());
        let mut read = Values(format!("{level} {target} {name}:"));
        values(&mut read);
        self.keep(&read);
    }

    fn keep(&self, values: &Values) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !lines.is_over {
            lines.text.push_str(&values.0);
            lines.text.push('\n');
        }
    }
}

struct Values(String);

impl Visit for Values {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string can't fail.
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.write(span.metadata(), |values| span.record(values));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut read = Values(String::new());
        values.record(&mut read);
        self.keep(&read);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.write(event.metadata(), |values| event.record(values));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
