//! The edition that ships: the repository's `rules/`, inside the binary, so that one file is enough to start.

use std::path::Path;

use include_dir::{Dir, DirEntry, include_dir};

use super::edition::Folder;

static RULES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rules");

impl Folder {
    /// The rules, word lists and ladder that ship.
    #[must_use]
    pub fn shipped() -> Self {
        let mut folder = Self::default();
        visit(&RULES, &mut |path, bytes| {
            if let Ok(text) = std::str::from_utf8(bytes) {
                folder.add(Path::new(path), &format!("rules/{path}"), text);
            }
        });
        folder
    }

    /// Gives the path and the bytes of each file that ships, in the order in which [`Folder::shipped`] takes them.
    pub fn shipped_files(give: &mut dyn FnMut(&str, &[u8])) {
        visit(&RULES, give);
    }
}

fn visit(dir: &Dir<'_>, give: &mut dyn FnMut(&str, &[u8])) {
    let mut entries: Vec<&DirEntry<'_>> = dir.entries().iter().collect();
    entries.sort_unstable_by_key(|entry| entry.path());
    for entry in entries {
        match entry {
            DirEntry::Dir(dir) => visit(dir, give),
            DirEntry::File(file) => give(&file.path().display().to_string(), file.contents()),
        }
    }
}
