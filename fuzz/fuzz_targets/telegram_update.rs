//! Any bytes as a report of Telegram's: read without fail, and twice alike.
#![no_main]

use chatflow_core::InboundBody;
use chatflow_telegram::decode_bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let found = decode_bytes(bytes);
    assert_eq!(found, decode_bytes(bytes));
    for inbound in &found {
        assert!(inbound.key.is_valid());
        if let InboundBody::Message(message) = &inbound.body {
            assert!(!message.is_empty());
            assert!(message.marks().iter().all(|mark| mark.fits(message.text())));
        }
    }
});
