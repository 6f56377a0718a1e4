//! One turn at a time per dialog, in the order of arrival.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures::channel::oneshot;

use crate::dialog::DialogId;

/// Hands out one pass per dialog, first come first served. A dialog that nobody waits for
/// takes no room.
#[derive(Debug, Clone, Default)]
pub(crate) struct Order {
    queues: Arc<Mutex<HashMap<DialogId, VecDeque<oneshot::Sender<Pass>>>>>,
}

/// The right to change a dialog, until it is dropped.
#[derive(Debug)]
pub(crate) struct Pass {
    dialog: DialogId,
    order: Option<Order>,
}

impl Order {
    pub(crate) async fn pass(&self, dialog: DialogId) -> Pass {
        let waiting = {
            let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
            match queues.get_mut(&dialog) {
                None => {
                    queues.insert(dialog, VecDeque::new());
                    None
                }
                Some(queue) => {
                    let (sender, receiver) = oneshot::channel();
                    queue.push_back(sender);
                    Some(receiver)
                }
            }
        };
        let granted = || Pass {
            dialog,
            order: Some(self.clone()),
        };
        match waiting {
            None => granted(),
            // The sender is only dropped unsent when the pass before hands over, which never
            // happens while we still wait.
            Some(receiver) => receiver.await.unwrap_or_else(|_| granted()),
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let Some(order) = self.order.take() else {
            return;
        };
        let mut queues = order.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = queues.get_mut(&self.dialog) else {
            return;
        };
        // Whoever gave up waiting is passed over.
        while let Some(next) = queue.pop_front() {
            let pass = Self {
                dialog: self.dialog,
                order: Some(order.clone()),
            };
            match next.send(pass) {
                Ok(()) => return,
                // Not handed on: it must not release the dialog when it is dropped.
                Err(mut unused) => unused.order = None,
            }
        }
        queues.remove(&self.dialog);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn dialog(n: u8) -> DialogId {
        DialogId::from_bytes([n; 16])
    }

    #[test]
    fn first_come_first_served_and_others_pass() {
        let order = Order::default();
        let first = order.pass(dialog(1)).now_or_never().unwrap();
        let mut second = Box::pin(order.pass(dialog(1)));
        let mut third = Box::pin(order.pass(dialog(1)));
        assert!((&mut second).now_or_never().is_none());
        assert!((&mut third).now_or_never().is_none());
        assert!(
            order.pass(dialog(2)).now_or_never().is_some(),
            "another dialog isn't held up"
        );
        drop(first);
        assert!(
            (&mut third).now_or_never().is_none(),
            "not before the second"
        );
        let second = (&mut second).now_or_never().unwrap();
        drop(second);
        drop((&mut third).now_or_never().unwrap());
        assert!(order.queues.lock().unwrap().is_empty());
    }

    #[test]
    fn who_gives_up_waiting_holds_nobody_up() {
        let order = Order::default();
        let first = order.pass(dialog(1)).now_or_never().unwrap();
        let mut second = Box::pin(order.pass(dialog(1)));
        let mut third = Box::pin(order.pass(dialog(1)));
        assert!((&mut second).now_or_never().is_none());
        assert!((&mut third).now_or_never().is_none());
        drop(second);
        drop(first);
        assert!((&mut third).now_or_never().is_some());
    }

    #[test]
    fn a_pass_that_was_granted_but_never_fetched_is_handed_on() {
        let order = Order::default();
        let first = order.pass(dialog(1)).now_or_never().unwrap();
        let mut second = Box::pin(order.pass(dialog(1)));
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        drop(second);
        assert!(order.pass(dialog(1)).now_or_never().is_some());
    }
}
