//! What could not be taken, one line each, with the raw bytes, so that it can be mended and played again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::source::{Fault, Offset, Raw};

/// One line of `rejects.jsonl`. It carries no clock time: a run that is repeated writes the same bytes.
#[derive(Serialize)]
struct RejectLine<'a> {
    offset: Offset<'a>,
    code: &'a str,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_base64: Option<String>,
    raw_bytes: u64,
}

/// Appends a reject as one line of JSON: `raw` where the bytes are UTF-8, else `raw_base64`; `raw_bytes` is the full
/// length where a line too long was cut.
///
/// # Panics
/// Never: a reject is plain data.
pub fn write_reject(raw: &Raw<'_>, fault: &Fault, out: &mut Vec<u8>) {
    let text = std::str::from_utf8(raw.bytes).ok();
    let line = RejectLine {
        offset: raw.offset,
        code: fault.code,
        reason: &fault.message,
        raw: text,
        raw_base64: text.is_none().then(|| STANDARD.encode(raw.bytes)),
        raw_bytes: raw.bytes_total,
    };
    serde_json::to_writer(&mut *out, &line).expect("a reject is plain data and a buffer takes all");
    out.push(b'\n');
}
