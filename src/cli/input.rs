//! Which events to read: paths → a source.

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::io::{FileSource, FolderSource, Source};

/// A source over files, one folder, or standard input (`-`).
pub(super) fn open(paths: &[PathBuf], follow: bool, line_bytes_max: usize) -> anyhow::Result<Box<dyn Source>> {
    match paths {
        [folder] if folder.is_dir() => Ok(Box::new(FolderSource::open(folder, follow, line_bytes_max)?)),
        _ if follow => bail!("only a folder can be followed; give one folder with --input"),
        [stdin] if is_stdin(stdin) => Ok(Box::new(FileSource::stdin(line_bytes_max))),
        files => {
            if let Some(odd) = files.iter().find(|path| is_stdin(path) || path.is_dir()) {
                bail!("{} cannot be read beside other inputs: give files, or one folder, or -", odd.display());
            }
            Ok(Box::new(FileSource::files(files, line_bytes_max)?))
        }
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}
