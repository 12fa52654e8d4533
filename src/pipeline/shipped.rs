//! The edition that ships: the repository's `rules/`, inside the binary, so that one file is enough to start.

use include_dir::{Dir, DirEntry, include_dir};

use super::edition::Folder;

static RULES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rules");

impl Folder {
    /// The rules, word lists and ladder that ship.
    #[must_use]
    pub fn shipped() -> Self {
        let mut folder = Self::default();
        add(&mut folder, &RULES);
        folder
    }
}

fn add(folder: &mut Folder, dir: &Dir<'_>) {
    let mut entries: Vec<&DirEntry<'_>> = dir.entries().iter().collect();
    entries.sort_unstable_by_key(|entry| entry.path());
    for entry in entries {
        match entry {
            DirEntry::Dir(dir) => add(folder, dir),
            DirEntry::File(file) => {
                if let Some(text) = file.contents_utf8() {
                    folder.add(file.path(), &format!("rules/{}", file.path().display()), text);
                }
            }
        }
    }
}
