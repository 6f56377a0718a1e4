//! Flows that call one another.

use std::collections::BTreeMap;

use crate::dialog::{ErrorKind, Fact, Frame, Position, Resolved};
use crate::engine::run::{Verdict, exit_index};
use crate::engine::turn::Turn;
use crate::flow::{CallFlow, CompiledCall, CompiledKind, CompiledStep, EXIT_NEXT};

/// Where the end of a flow that was called leads.
pub(super) enum Back {
    /// Nobody called it.
    Nobody,
    /// To this step, and what that does then.
    To(Resolved, Verdict),
    /// To an operator: the step that called is gone.
    Person,
}

impl Turn<'_> {
    /// Whether a flow waits for the one where the dialog stands.
    pub(super) fn is_called(&self) -> bool {
        let position = self.snapshot.position.as_ref();
        position.is_some_and(|position| !position.calls.is_empty())
    }

    /// Puts this flow aside and goes to the entry of another.
    pub(super) fn call_flow(
        &mut self,
        step: &CompiledStep,
        call: &CompiledCall,
    ) -> Result<Verdict, ErrorKind> {
        let (flow, to) = call.link.to.ok_or(ErrorKind::StepMissing)?;
        let mut inputs = BTreeMap::new();
        for (name, source) in &call.inputs {
            inputs.insert(name.clone(), self.evaluate(source)?);
        }
        let Some(position) = &mut self.snapshot.position else {
            return Err(ErrorKind::StepMissing);
        };
        if position.calls.len() >= CallFlow::DEPTH_MAX {
            return Err(ErrorKind::StepLimit);
        }
        let data = self
            .scratch
            .replace_data(&mut self.snapshot.data, BTreeMap::new());
        position.calls.push(Frame {
            flow: position.flow.clone(),
            version: position.version,
            step: position.step.clone(),
            data,
        });
        self.scratch.facts.push(Fact::FlowCalled {
            flow: call.link.flow.clone(),
            step: step.name.clone(),
        });
        for (name, value) in inputs {
            self.context().set(name, value);
        }
        self.gathered()?;
        Ok(Verdict::Call(self.config.at(flow, to)))
    }

    /// Goes back to the step that called the flow which is over, with its results. A caller in
    /// another version than the newest is led as that says; one that it leads nowhere is an
    /// operator's.
    pub(super) fn back(&mut self) -> Result<Back, ErrorKind> {
        let config = self.config;
        let Some(position) = &mut self.snapshot.position else {
            return Ok(Back::Nobody);
        };
        let Some(frame) = position.calls.pop() else {
            return Ok(Back::Nobody);
        };
        let over = position.flow.clone();
        let mut caller = Position::new(frame.flow, frame.version, frame.step);
        caller.calls = std::mem::take(&mut position.calls);
        let step = caller.step.clone();
        self.snapshot.position = Some(caller);
        let theirs = self
            .scratch
            .replace_data(&mut self.snapshot.data, frame.data);
        self.scratch
            .facts
            .push(Fact::FlowReturned { flow: over, step });
        let Some((at, is_entered)) = self.lead_caller() else {
            return Ok(Back::Person);
        };
        if is_entered {
            return Ok(Back::To(at, Verdict::Call(at)));
        }
        let step = config.step(at);
        // The caller may have been edited into another kind since; then nothing is kept.
        if let CompiledKind::CallFlow(call) = &step.kind {
            for (ours, name) in &call.results {
                if let Some(value) = theirs.get(name) {
                    self.context().set(ours.as_str(), value.clone());
                }
            }
        }
        self.gathered()?;
        // One that has become a router has no way on by itself: it is entered.
        let on = exit_index(step, EXIT_NEXT).unwrap_or(Verdict::Call(at));
        Ok(Back::To(at, on))
    }

    /// Leaves all flows that wait for the one where the dialog stands: they don't go on. The
    /// outermost one's data is the dialog's again.
    pub(crate) fn drop_calls(&mut self) {
        let Some(position) = &mut self.snapshot.position else {
            return;
        };
        let mut calls = std::mem::take(&mut position.calls).into_iter();
        if let Some(outermost) = calls.next() {
            self.scratch
                .replace_data(&mut self.snapshot.data, outermost.data);
        }
    }
}
