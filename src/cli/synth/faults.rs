//! Lines that no reader can take as they are: what rejects are for.

/// One of each kind of mistake that upstream systems make.
const FAULTS: [&[u8]; 13] = [
    br#"{"id":"fault-cut","channel":"post","author":"a-1","at":"2026-09-01T00:00:00Z","te"#,
    br#"{"id":"fault-no-text","channel":"post","author":"a-1","at":"2026-09-01T00:00:00Z"}"#,
    br#"{"id":"fault-channel","channel":"letter","author":"a-1","at":"2026-09-01T00:00:00Z","text":"hello"}"#,
    br#"{"id":"fault-no-room","channel":"group","author":"a-1","at":"2026-09-01T00:00:00Z","text":"hello"}"#,
    br#"{"id":"fault-time","channel":"post","author":"a-1","at":"yesterday at nine","text":"hello"}"#,
    b"{\"id\":\"fault-bytes\",\"channel\":\"post\",\"author\":\"a-1\",\"at\":0,\"text\":\"\xff\xfe\xe4\xb8\"}",
    br#"{"id":"","channel":"post","author":"a-1","at":"2026-09-01T00:00:00Z","text":"no id"}"#,
    br#"{"id":"fault-type","channel":"post","author":"a-1","at":"2026-09-01T00:00:00Z","text":42}"#,
    br#"["not","an","object"]"#,
    br#"{"kind":"verdict","event":"e-0","outcome":"perhaps","by":"r-1","at":"2026-09-01T00:00:00Z"}"#,
    br#"{"kind":"recount","event":"e-0","at":"2026-09-01T00:00:00Z"}"#,
    b"2026-09-01 00:00:00 INFO a log line that went astray",
    br#"{"id":"fault-author","channel":"post","author":null,"at":"2026-09-01T00:00:00Z","text":"nobody said this"}"#,
];

/// Spreads a number of faults evenly over a number of records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Faults {
    wanted: u64,
    records: u64,
    done: u64,
}

impl Faults {
    pub(super) fn new(wanted: u64, records: u64) -> Self {
        Self { wanted, records, done: 0 }
    }

    /// Writes the faults that come before the record at that place.
    pub(super) fn before(&mut self, at: u64, line: &mut Vec<u8>) {
        let due = u128::from(self.wanted) * u128::from(at + 1) / u128::from(self.records.max(1));
        while u128::from(self.done) < due {
            line.extend_from_slice(FAULTS[(self.done % FAULTS.len() as u64) as usize]);
            line.push(b'\n');
            self.done += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Verdict};

    #[test]
    fn no_fault_can_be_taken_for_a_record() {
        for fault in FAULTS {
            let is_event = serde_json::from_slice::<Event<'_>>(fault).is_ok_and(|event| {
                !event.id.is_empty() && (event.channel != crate::event::Channel::Group || event.room.is_some())
            });
            let is_verdict = serde_json::from_slice::<Verdict>(fault).is_ok();
            assert!(!is_event && !is_verdict, "{}", String::from_utf8_lossy(fault));
        }
    }
}
