//! What tells a queue from all others.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::segment::sync_folder;

const NAME: &str = "identity";

/// The number that lies in the folder, or one that is drawn and kept there.
pub(super) fn read_or_draw(dir: &Path) -> io::Result<u64> {
    let path = dir.join(NAME);
    match fs::read_to_string(&path) {
        Ok(text) => {
            let number = u64::from_str_radix(text.trim(), 16);
            return number.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("{NAME} holds no number")));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let number = getrandom::u64().map_err(io::Error::other)?;
    let new = dir.join(format!("{NAME}.new"));
    let mut file = File::create(&new)?;
    file.write_all(format!("{number:016x}\n").as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, &path)?;
    sync_folder(dir)?;
    Ok(number)
}
