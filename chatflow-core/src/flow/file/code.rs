//! The host's code that files name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::dialog::{Dialog, Message, Value};
use crate::flow::{
    CodeRef, CustomRouter, CustomStep, Outcome, ProblemKind, Router, Step, StepContext, StepKind,
};

/// Steps and routers written in Rust, under the names by which flow files ask for them.
///
/// ```
/// use chatflow_core::{Code, FlowFiles, Message, Outcome, Step, StepContext, Value};
///
/// struct Shout(String);
///
/// impl Step for Shout {
///     fn kind(&self) -> &'static str {
///         "shout"
///     }
///     fn settings(&self) -> Value {
///         Value::from(self.0.as_str())
///     }
///     fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome {
///         step.say(format!("{}{}", message.text().to_uppercase(), self.0));
///         Outcome::Wait
///     }
/// }
///
/// let code = Code::new().step("shout", |settings| match settings.as_text() {
///     Some(end) => Ok(Shout(end.to_owned())),
///     None => Err("the setting is what is put at the end".to_owned()),
/// });
/// let flow = "flow: loud\nsteps:\n  loud:\n    custom: {kind: shout, settings: '!'}\n";
/// let bot = FlowFiles::new().code(code).read("loud.yaml", flow.as_bytes()).bot("loud")?;
/// # let _ = bot;
/// # Ok::<(), chatflow_core::FlowFileError>(())
/// ```
#[derive(Clone, Default)]
pub struct Code {
    steps: BTreeMap<String, Maker<CustomStep>>,
    routers: BTreeMap<String, Maker<CustomRouter>>,
}

type Maker<T> = Arc<dyn Fn(&Value) -> Result<T, String> + Send + Sync>;

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code")
            .field("steps", &self.steps.keys())
            .field("routers", &self.routers.keys())
            .finish()
    }
}

impl Code {
    /// No code.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step under a name. `make` makes one of the settings that a file gives, or says in
    /// a sentence what is wrong with them.
    #[must_use]
    pub fn step<S: Step>(
        mut self,
        name: impl Into<String>,
        make: impl Fn(&Value) -> Result<S, String> + Send + Sync + 'static,
    ) -> Self {
        let maker: Maker<CustomStep> =
            Arc::new(move |settings| make(settings).map(CustomStep::new));
        self.steps.insert(name.into(), maker);
        self
    }

    /// Adds a router in the same way.
    #[must_use]
    pub fn router<R: Router>(
        mut self,
        name: impl Into<String>,
        make: impl Fn(&Value) -> Result<R, String> + Send + Sync + 'static,
    ) -> Self {
        let maker: Maker<CustomRouter> =
            Arc::new(move |settings| make(settings).map(CustomRouter::new));
        self.routers.insert(name.into(), maker);
        self
    }

    /// Takes it that another program has a step and a router of this name with these exits, so
    /// that flows with them can be checked and drawn here. They do nothing when they are run.
    #[must_use]
    pub fn assume(
        mut self,
        name: impl Into<String>,
        exits: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let name = name.into();
        let exits: Vec<String> = exits.into_iter().map(Into::into).collect();
        let code = CodeRef {
            kind: name.clone(),
            revision: 0,
            settings: Value::Null,
            exits,
        };
        let assumed = code.clone();
        let step: Maker<CustomStep> = Arc::new(move |_| {
            Ok(CustomStep {
                code: assumed.clone(),
                step: Some(Arc::new(Assumed)),
            })
        });
        let router: Maker<CustomRouter> = Arc::new(move |_| {
            Ok(CustomRouter {
                code: code.clone(),
                router: Some(Arc::new(Assumed)),
            })
        });
        self.steps.insert(name.clone(), step);
        self.routers.insert(name, router);
        self
    }

    /// Puts the code into a step that names it.
    pub(super) fn fill_in(&self, kind: &mut StepKind) -> Result<(), ProblemKind> {
        fn made<T>(
            makers: &BTreeMap<String, Maker<T>>,
            code: &CodeRef,
        ) -> Result<Option<T>, ProblemKind> {
            // Code that isn't here is found missing when the flow is compiled.
            let Some(make) = makers.get(&code.kind) else {
                return Ok(None);
            };
            let made = make(&code.settings).map_err(|reason| ProblemKind::BadSettings {
                kind: code.kind.clone(),
                reason,
            })?;
            Ok(Some(made))
        }
        match kind {
            StepKind::Custom(custom) => {
                if let Some(made) = made(&self.steps, &custom.code)? {
                    *custom = made;
                }
            }
            StepKind::Router(custom) => {
                if let Some(made) = made(&self.routers, &custom.code)? {
                    *custom = made;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Stands in for code that only another program has.
struct Assumed;

impl Step for Assumed {
    fn kind(&self) -> &'static str {
        "assumed"
    }

    fn receive(&self, _: &Message, _: &mut StepContext<'_>) -> Outcome {
        Outcome::Wait
    }
}

impl Router for Assumed {
    fn kind(&self) -> &'static str {
        "assumed"
    }

    fn routes(&self) -> Vec<std::borrow::Cow<'static, str>> {
        Vec::new()
    }

    fn route(&self, _: &Message, _: &dyn Dialog) -> Option<std::borrow::Cow<'static, str>> {
        None
    }
}
