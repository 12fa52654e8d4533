//! Lines that hold an object each, as commands read them that ask one sense alone.

use serde::Deserialize;
use serde_json::error::Category;

use super::Output;
use super::term::Role;
use crate::io::wire::{BAD_JSON, BAD_UTF8, BAD_VALUE, MISSING_FIELD};
use crate::io::{Fault, Raw};

/// How many lines that cannot be taken are told one by one.
const TOLD_MAX: u64 = 20;

/// The object of a line; keys that `T` does not name are passed over.
///
/// # Errors
/// Why it cannot be taken.
pub(super) fn object<'a, T: Deserialize<'a>>(raw: &Raw<'a>) -> Result<T, Fault> {
    if let Some(fault) = raw.fault {
        return Err(fault.clone());
    }
    let text = std::str::from_utf8(raw.bytes)
        .map_err(|error| Fault::new(BAD_UTF8, format!("byte {} is not UTF-8", error.valid_up_to())))?;
    if !text.trim_start().starts_with('{') {
        return Err(Fault::new(BAD_JSON, "not a JSON object"));
    }
    serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Data => Fault::new(BAD_VALUE, error.to_string()),
        _ => Fault::new(BAD_JSON, error.to_string()),
    })
}

/// That a key is not there.
pub(super) fn missing(key: &str) -> Fault {
    Fault::new(MISSING_FIELD, format!("`{key}` is missing"))
}

/// Says on standard error what of a line cannot be taken, of which `before` were not taken before it: the first ones one by one.
pub(super) fn tell(before: u64, raw: &Raw<'_>, fault: &Fault, output: &Output) {
    let what = output.err.paint(Role::Warning, "not taken");
    match before {
        0..TOLD_MAX => eprintln!("{what}: {}: {fault}", raw.offset),
        TOLD_MAX => eprintln!("{what}: and more, which are only counted"),
        _ => {}
    }
}
