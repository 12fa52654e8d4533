//! Cases in, and the place in the stream up to which they are in.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tantivy::indexer::NoMergePolicy;
use tantivy::{IndexWriter, TantivyDocument, Term};

use super::IndexError;
use super::days::{Day, Folder};
use super::document::document;
use crate::case::Case;

/// How the index is written.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its folder; made where there is none.
    pub dir: PathBuf,
    /// Memory for what is not written yet, in bytes; at least 15 MiB, which is what the library asks for.
    pub heap_bytes: usize,
    /// Days that are kept, the present one among them; all where there is no bound.
    pub days_max: Option<u32>,
}

/// What a commit says beside its documents.
#[derive(Default, Serialize, Deserialize)]
struct Committed {
    /// Which commit it is, counted over all days.
    seq: u64,
    /// Up to where the stream is in.
    position: String,
}

/// Writes the index. One at a time: a second writer of the same folder is refused.
pub struct Writer {
    folder: Folder,
    options: Options,
    open: Option<Open>,
    seq: u64,
    position: Option<String>,
    /// The day whose folder holds the last commit.
    last: Option<Day>,
}

/// The day that is written.
struct Open {
    day: Day,
    writer: IndexWriter,
}

const HEAP_BYTES_MIN: usize = 15 << 20;

impl Writer {
    /// Opens the folder.
    ///
    /// # Errors
    /// [`IndexError`], if it is of another version or cannot be read.
    pub fn open(options: Options) -> Result<Self, IndexError> {
        let folder = Folder::open(&options.dir, true)?;
        let mut last = None;
        for day in folder.days()? {
            let committed = committed(&folder, day, &folder.index(day)?)?;
            last = last.max(committed.map(|committed| (committed.seq, committed.position, day)));
        }
        let (seq, position, last) = last.map_or((0, None, None), |(seq, at, day)| (seq, Some(at), Some(day)));
        Ok(Self { folder, options, open: None, seq, position, last })
    }

    /// The position of the last commit: what comes after it in the stream is not in the index.
    #[must_use]
    pub fn position(&self) -> Option<&str> {
        self.position.as_deref()
    }

    /// Takes a case in; it is found after the next commit. `today` is the day on whose folder it goes while nothing is open.
    ///
    /// # Errors
    /// [`IndexError`], if the folder cannot be written.
    pub fn add(&mut self, case: &Case<'_>, today: Day) -> Result<(), IndexError> {
        let document = document(&self.folder.fields, case);
        let open = self.opened(today)?;
        open.writer.add_document(document).map(drop).map_err(|source| self.failed(today, source))
    }

    /// Makes everything that was added since last time findable and safe, with the position of the stream after it. Begins a
    /// new day's folder afterwards, if it is one.
    ///
    /// # Errors
    /// [`IndexError`], if the folder cannot be written.
    pub fn commit(&mut self, position: &str, today: Day) -> Result<(), IndexError> {
        if self.open.is_none() && self.position.as_deref() == Some(position) {
            return Ok(());
        }
        let payload = Committed { seq: self.seq + 1, position: position.to_owned() };
        let open = self.opened(today)?;
        let day = open.day;
        let committed = commit(&mut open.writer, &payload);
        committed.map_err(|source| IndexError::Tantivy { path: self.folder.of(day), source })?;
        self.seq += 1;
        (self.position, self.last) = (Some(position.to_owned()), Some(day));
        if day != today {
            let open = self.open.take().expect("it was open");
            open.writer.wait_merging_threads().map_err(|source| self.failed(day, source))?;
        }
        Ok(())
    }

    /// Takes out everything of these authors, from all days and from the disk. Commit first: what was added since then would be
    /// committed without its position.
    ///
    /// # Errors
    /// [`IndexError`], if a folder cannot be written.
    pub fn erase(&mut self, authors: &[&str]) -> Result<(), IndexError> {
        if let Some(open) = self.open.take() {
            open.writer.wait_merging_threads().map_err(|source| self.failed(open.day, source))?;
        }
        let field = self.folder.fields.named("author");
        let terms: Vec<Term> = authors.iter().map(|author| Term::from_field_text(field, author)).collect();
        for day in self.folder.days()? {
            let index = self.folder.index(day)?;
            self.erase_in(&index, day, &terms).map_err(|source| self.failed(day, source))?;
        }
        Ok(())
    }

    fn erase_in(&self, index: &tantivy::Index, day: Day, terms: &[Term]) -> tantivy::Result<()> {
        let searcher = index.reader()?.searcher();
        let mut is_there = false;
        for term in terms {
            is_there |= searcher.doc_freq(term)? > 0;
        }
        drop(searcher);
        let mut writer: IndexWriter = self.writer(index)?;
        writer.set_merge_policy(Box::new(NoMergePolicy));
        if !is_there {
            // Files that a writer left which died are of no commit, and may name them still.
            writer.garbage_collect_files().wait()?;
            return writer.wait_merging_threads();
        }
        for term in terms {
            writer.delete_term(term.clone());
        }
        let payload = committed(&self.folder, day, index).ok().flatten().unwrap_or_default();
        commit(&mut writer, &payload)?;
        // What is deleted is only marked: segments that hold it are written anew without it, and the old files removed.
        let marked = index.searchable_segment_metas()?.into_iter().filter(|segment| segment.num_deleted_docs() > 0);
        for segment in marked {
            writer.merge(&[segment.id()]).wait()?;
        }
        writer.garbage_collect_files().wait()?;
        writer.wait_merging_threads()
    }

    /// Removes the days that are no longer kept, and says which. The position outlasts the day that it was committed with.
    ///
    /// # Errors
    /// [`IndexError`], if a folder cannot be removed.
    pub fn retire(&mut self, today: Day) -> Result<Vec<Day>, IndexError> {
        let Some(days_max) = self.options.days_max else { return Ok(Vec::new()) };
        let first = today.before(days_max.saturating_sub(1));
        let is_open = |day: &Day| self.open.as_ref().is_some_and(|open| open.day == *day);
        let old: Vec<Day> = self.folder.days()?.into_iter().filter(|day| *day < first && !is_open(day)).collect();
        if let Some(position) = self.position.clone().filter(|_| self.last.is_some_and(|last| old.contains(&last))) {
            self.opened(today)?;
            self.commit(&position, today)?;
        }
        old.iter().try_for_each(|&day| self.folder.remove(day))?;
        Ok(old)
    }

    /// Ends, after what is being merged.
    ///
    /// # Errors
    /// [`IndexError`], if a folder cannot be written.
    pub fn close(mut self) -> Result<(), IndexError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        open.writer.wait_merging_threads().map_err(|source| self.failed(open.day, source))
    }

    fn opened(&mut self, today: Day) -> Result<&mut Open, IndexError> {
        if self.open.is_none() {
            let index = self.folder.index(today)?;
            let writer = self.writer(&index).map_err(|source| self.failed(today, source))?;
            self.open = Some(Open { day: today, writer });
        }
        Ok(self.open.as_mut().expect("it was opened"))
    }

    /// One thread: the index runs beside the stage and must leave the cores to it.
    fn writer(&self, index: &tantivy::Index) -> tantivy::Result<IndexWriter> {
        index.writer_with_num_threads::<TantivyDocument>(1, self.options.heap_bytes.max(HEAP_BYTES_MIN))
    }

    fn failed(&self, day: Day, source: tantivy::TantivyError) -> IndexError {
        IndexError::Tantivy { path: self.folder.of(day), source }
    }
}

fn commit(writer: &mut IndexWriter, committed: &Committed) -> tantivy::Result<()> {
    let mut prepared = writer.prepare_commit()?;
    prepared.set_payload(&serde_json::to_string(committed).expect("a number and a string"));
    prepared.commit().map(drop)
}

/// What the last commit of a day says.
fn committed(folder: &Folder, day: Day, index: &tantivy::Index) -> Result<Option<Committed>, IndexError> {
    let metas = index.load_metas().map_err(|source| IndexError::Tantivy { path: folder.of(day), source })?;
    Ok(metas.payload.and_then(|payload| serde_json::from_str(&payload).ok()))
}
