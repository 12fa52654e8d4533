//! Any bytes are read as a record or turned away with a known code; what both readers take, they read alike.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::event::{Event, Record};
use tidegate::io::wire::{Bounds, CODES, parse};

/// 2026-11-23T00:00:00Z
const NOW: i64 = 1_795_392_000_000;

fuzz_target!(|bytes: &[u8]| {
    match parse(bytes, &Bounds::default(), NOW) {
        Ok(Record::Event(event)) => {
            if let Ok(derived) = serde_json::from_slice::<Event<'_>>(bytes) {
                assert_eq!(event, derived);
            }
        }
        Ok(_) => {}
        Err(fault) => assert!(CODES.iter().any(|(code, _)| *code == fault.code), "{fault}"),
    }
});
