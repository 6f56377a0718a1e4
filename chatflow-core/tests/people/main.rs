//! People: who gets a dialog, who has it, who may do what to it, and who sees it.

mod availability;
mod choose;
mod deny;
mod limits;
mod lists;
mod offers;
mod office;
mod other_bots;
mod permissions;
mod queues;
mod rights;
mod sessions;
mod spaces;
mod transfers;
