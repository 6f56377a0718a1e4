//! The channel conformance kit, on the scripted channel with the capabilities of every channel
//! that the requirements name, and on channels with one planted bug each.

mod bug;
mod channel;
mod fake;
mod planted;
mod profiles;
