//! Calls whose answers a test writes beforehand.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::channel::oneshot;

use crate::dialog::EffectId;
use crate::runner::PortError;

/// The answers of a scripted provider, and the record of what it was asked.
///
/// ```text
///  plan, answer, fail ──► answers in order ──┐
///  answering(function) ── where none is left ┴──► the call ──► take_asked, times_asked
///                                                    │
///                         answer_held ◄── held ──────┘
/// ```
///
/// Every scripted provider is one of these by `Deref`. A call for which nothing was planned is
/// refused and counted by [`take_unanswered`](Script::take_unanswered), unless a function answers
/// it. All methods may be called while calls are under way.
pub struct Script<Q, A> {
    inner: Mutex<Inner<Q, A>>,
}

struct Inner<Q, A> {
    planned: VecDeque<Planned<A>>,
    /// Answers the calls for which nothing was planned.
    otherwise: Option<Answering<Q, A>>,
    asked: VecDeque<Asked<Q>>,
    times: u64,
    unanswered: usize,
    held: VecDeque<oneshot::Sender<Result<A, PortError>>>,
    /// Calls that have no answer yet.
    waiting: Vec<EffectId>,
}

type Answering<Q, A> = Arc<dyn Fn(&Q) -> Result<A, PortError> + Send + Sync>;

/// What a scripted provider does with one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Planned<A> {
    /// Answers it.
    Answers(A),
    /// Fails it.
    Fails(PortError),
    /// Never answers: how long it is waited for is the caller's to decide.
    Never,
    /// Holds it until [`Script::answer_held`].
    Held,
    /// Panics.
    Panics,
}

impl<A> Planned<A> {
    /// Whether the call is not answered at once.
    pub(crate) const fn waits(&self) -> bool {
        matches!(self, Self::Never | Self::Held)
    }
}

/// One call: under which key it came, and what it asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<Q> {
    /// The key. A call that is tried again has the same.
    pub key: EffectId,
    /// What was asked.
    pub request: Q,
}

impl<Q, A> Default for Script<Q, A> {
    fn default() -> Self {
        Self {
            inner: Mutex::new(Inner {
                planned: VecDeque::new(),
                otherwise: None,
                asked: VecDeque::new(),
                times: 0,
                unanswered: 0,
                held: VecDeque::new(),
                waiting: Vec::new(),
            }),
        }
    }
}

impl<Q, A> fmt::Debug for Script<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.inner();
        f.debug_struct("Script")
            .field("planned", &inner.planned.len())
            .field("times", &inner.times)
            .finish_non_exhaustive()
    }
}

impl<Q, A> Script<Q, A> {
    /// Most calls whose requests are kept until they are taken; of more, the last.
    pub const ASKED_MAX: usize = 10_000;

    /// Plans what becomes of the next call that isn't spoken for yet.
    pub fn plan(&self, planned: Planned<A>) -> &Self {
        self.inner().planned.push_back(planned);
        self
    }

    /// Answers the next call that isn't spoken for yet.
    pub fn answer(&self, answer: A) -> &Self {
        self.plan(Planned::Answers(answer))
    }

    /// Fails it.
    pub fn fail(&self, error: PortError) -> &Self {
        self.plan(Planned::Fails(error))
    }

    /// Answers every call for which nothing was planned by a function of its request.
    pub fn answering(
        &self,
        answer: impl Fn(&Q) -> Result<A, PortError> + Send + Sync + 'static,
    ) -> &Self {
        self.inner().otherwise = Some(Arc::new(answer));
        self
    }

    /// Answers the call that has been held longest, and says whether there was one. Calls whose
    /// callers have gone away are passed over.
    pub fn answer_held(&self, answer: Result<A, PortError>) -> bool {
        let mut answer = answer;
        loop {
            let Some(held) = self.inner().held.pop_front() else {
                return false;
            };
            match held.send(answer) {
                Ok(()) => return true,
                Err(back) => answer = back,
            }
        }
    }

    /// What was asked since the last take, in order.
    pub fn take_asked(&self) -> Vec<Asked<Q>> {
        self.inner().asked.drain(..).collect()
    }

    /// How often it was asked in all.
    pub fn times_asked(&self) -> u64 {
        self.inner().times
    }

    /// How many calls found nothing planned since the last take.
    pub fn take_unanswered(&self) -> usize {
        std::mem::take(&mut self.inner().unanswered)
    }

    /// How much was planned that no call has met yet.
    pub fn unused(&self) -> usize {
        self.inner().planned.len()
    }

    /// The keys of the calls that have no answer yet: those that are held and those that are
    /// never answered, as long as somebody waits for them.
    pub fn waiting(&self) -> Vec<EffectId> {
        self.inner().waiting.clone()
    }

    /// One call.
    ///
    /// # Panics
    /// Where that was planned.
    pub(crate) async fn ask(&self, key: EffectId, request: Q) -> Result<A, PortError> {
        match self.next(key, request) {
            Planned::Answers(answer) => Ok(answer),
            Planned::Fails(error) => Err(error),
            Planned::Never => {
                let _waiting = Waiting::new(self, key);
                std::future::pending().await
            }
            Planned::Held => {
                let (answer, answered) = oneshot::channel();
                self.inner().held.push_back(answer);
                let _waiting = Waiting::new(self, key);
                answered.await.unwrap_or_else(|_| Err(PortError::refused()))
            }
            Planned::Panics => panic!("a scripted provider panics, as planned"),
        }
    }

    /// Records a call and says what becomes of it.
    fn next(&self, key: EffectId, request: Q) -> Planned<A> {
        let mut inner = self.inner();
        inner.times += 1;
        let planned = inner.planned.pop_front();
        let otherwise = inner.otherwise.clone();
        if planned.is_none() && otherwise.is_none() {
            inner.unanswered += 1;
        }
        drop(inner);
        // Outside the lock: the function is the test's, and may look at this very record.
        let planned = planned.unwrap_or_else(|| match otherwise.map(|answer| answer(&request)) {
            Some(Ok(answer)) => Planned::Answers(answer),
            Some(Err(error)) => Planned::Fails(error),
            None => Planned::Fails(PortError::refused()),
        });
        let mut inner = self.inner();
        if inner.asked.len() == Self::ASKED_MAX {
            inner.asked.pop_front();
        }
        inner.asked.push_back(Asked { key, request });
        planned
    }

    fn inner(&self) -> MutexGuard<'_, Inner<Q, A>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that has no answer yet, for as long as its caller waits.
struct Waiting<'a, Q, A> {
    script: &'a Script<Q, A>,
    key: EffectId,
}

impl<'a, Q, A> Waiting<'a, Q, A> {
    fn new(script: &'a Script<Q, A>, key: EffectId) -> Self {
        script.inner().waiting.push(key);
        Self { script, key }
    }
}

impl<Q, A> Drop for Waiting<'_, Q, A> {
    fn drop(&mut self) {
        let mut inner = self.script.inner();
        if let Some(at) = inner.waiting.iter().position(|key| *key == self.key) {
            inner.waiting.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::dialog::{Address, BotId, DialogId};
    use crate::testing::block_on;

    fn key(n: u32) -> EffectId {
        let dialog = DialogId::derive(&BotId::from("shop"), &Address::new("web", "anna"));
        EffectId { dialog, turn: 1, n }
    }

    #[test]
    fn what_was_planned_comes_first_and_then_the_function() {
        let script = Script::default();
        script.answer(1).fail(PortError::timed_out());
        script.answering(|asked: &i32| Ok(asked * 10));
        let asked: Vec<_> = [3, 4, 5]
            .map(|asked| block_on(script.ask(key(0), asked)))
            .into();
        assert_eq!(asked, [Ok(1), Err(PortError::timed_out()), Ok(50)]);
        assert_eq!(script.times_asked(), 3);
        assert_eq!(script.take_unanswered(), 0);
        assert_eq!(script.take_asked().len(), 3);
        assert_eq!(script.take_asked().len(), 0);
        assert_eq!(
            script.times_asked(),
            3,
            "what is taken was asked all the same"
        );
    }

    #[test]
    fn a_held_call_waits_and_one_whose_caller_is_gone_is_passed_over() {
        let script: Script<(), i32> = Script::default();
        script.plan(Planned::Held).plan(Planned::Held);
        let mut context = Context::from_waker(Waker::noop());
        {
            let gone = pin!(script.ask(key(0), ()));
            assert!(gone.poll(&mut context).is_pending());
            assert_eq!(script.waiting(), [key(0)]);
        }
        assert!(script.waiting().is_empty(), "nobody waits any more");
        let mut held = pin!(script.ask(key(1), ()));
        assert!(held.as_mut().poll(&mut context).is_pending());
        assert!(script.answer_held(Ok(7)));
        assert_eq!(held.poll(&mut context), Poll::Ready(Ok(7)));
        assert!(!script.answer_held(Ok(8)));
    }

    #[test]
    fn a_call_that_is_never_answered_waits_and_one_that_panics_panics() {
        let script: Script<(), i32> = Script::default();
        script.plan(Planned::Never).plan(Planned::Panics);
        let mut context = Context::from_waker(Waker::noop());
        let never = pin!(script.ask(key(0), ()));
        assert!(never.poll(&mut context).is_pending());
        let panics = catch_unwind(AssertUnwindSafe(|| block_on(script.ask(key(1), ()))));
        assert!(panics.is_err());
        // The lock isn't poisoned for those who come after.
        assert_eq!(block_on(script.ask(key(2), ())), Err(PortError::refused()));
        assert_eq!(script.take_unanswered(), 1);
    }

    #[test]
    fn the_record_is_bounded() {
        let script = Script::default();
        script.answering(|_: &usize| Ok(()));
        for n in 0..=Script::<usize, ()>::ASKED_MAX {
            block_on(script.ask(key(0), n)).unwrap();
        }
        let asked = script.take_asked();
        assert_eq!(asked.len(), Script::<usize, ()>::ASKED_MAX);
        assert_eq!(asked[0].request, 1, "the oldest is gone");
    }
}
