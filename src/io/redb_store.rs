//! Snapshot and journal in one file of an embedded database: each append is one transaction of one value.

use std::path::{Path, PathBuf};

use redb::{
    Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable, StorageError, Table,
    TableDefinition, WriteTransaction,
};

use super::memory::follows;
use super::sink::Mark;
use super::source::Position;
use super::store::{Entry, Output, Refusal, Saved, StateStore, StoreError};

/// The layout of tables and values below. A change of either is another number.
const FORMAT: u64 = 1;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// The row of [`META`] with the numbers, eight bytes each, of the entries that owe a compaction; no row where none does.
const OWED: &str = "owes_compaction";
/// At most one row.
const SNAPSHOT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("snapshot");
const CHUNKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("chunks");
const JOURNAL: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("journal");

/// How a store is kept. With [`Durability::Eventual`] less is kept than a killed process has saved: see there.
#[derive(Clone, Copy, Debug)]
pub struct StoreOptions {
    /// When an append is on the disk.
    pub durability: Durability,
    /// How much of the file is kept in memory.
    pub cache_bytes: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { durability: Durability::Immediate, cache_bytes: 32 << 20 }
    }
}

/// When an append is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it returns.
    Immediate,
    /// With the first append, every so-manieth and every snapshot; the ones between are in this process's memory only.
    ///
    /// A process that is killed, and not only a machine that loses power, loses up to `every` − 1 of the last batches,
    /// although they were saved and emitted. The next run resumes before them and decides them again: a sink that
    /// rewinds is cut back and written again; one that does not (a pipe) gets their lines twice, and with other decisions where rules
    /// changed meanwhile. A store that is closed in order (dropped) loses none.
    Eventual {
        /// At least 1; 1 is [`Durability::Immediate`].
        every: u32,
    },
}

/// A store in one file.
#[derive(Debug)]
pub struct RedbStore {
    path: PathBuf,
    options: StoreOptions,
    db: Database,
    last_seq: Option<u64>,
    /// Appends since the last one that is on the disk.
    pending: u32,
    /// The entries that owe a compaction, in order: what the row [`OWED`] says.
    owed: Vec<u64>,
}

impl RedbStore {
    /// Opens the store in that file, or begins one.
    ///
    /// # Errors
    /// If another process has it open, if it is of another format, or if the file cannot be read or made.
    pub fn open(path: impl Into<PathBuf>, options: StoreOptions) -> Result<Self, StoreError> {
        let path = path.into();
        let db = open_database(&path, &options)?;
        // Only now, when the lock is ours, is a half-written copy nobody's.
        remove_leftover(&rewritten(&path))?;
        let last_seq = last_seq(&db).map_err(|error| failed(&path, error))?;
        let owed = owed(&db).map_err(|error| failed(&path, error))?.ok_or_else(|| StoreError::Corrupt {
            path: path.clone(),
            reason: "it does not say which entries owe a compaction".into(),
        })?;
        Ok(Self { path, options, db, last_seq, pending: 0, owed })
    }

    /// The number of the last entry saved, in a snapshot or the journal.
    #[must_use]
    pub fn last_seq(&self) -> Option<u64> {
        self.last_seq
    }

    /// The first mark of the last entry, or of the snapshot where no entry follows it; without reading what lies before.
    #[cfg(feature = "kafka")]
    pub(super) fn last_mark(&self) -> Result<Option<Mark>, StoreError> {
        let read = self.db.begin_read().map_err(self.fail())?;
        let journal = read.open_table(JOURNAL).map_err(self.fail())?;
        if let Some((_, value)) = journal.last().map_err(self.fail())? {
            let entry = EntryParts::decode(value.value());
            return Ok(entry.and_then(|entry| entry.outputs.into_iter().next()).map(|(mark, _)| mark));
        }
        let heads = read.open_table(SNAPSHOT).map_err(self.fail())?;
        let head = heads.last().map_err(self.fail())?;
        let head = head.and_then(|(_, value)| SnapshotHead::decode(value.value()));
        Ok(head.and_then(|head| head.marks.into_iter().next()))
    }

    /// What is forgotten beside the store cannot be brought back, so an entry that forgets is on the disk at once.
    fn next_durability(&mut self, forgets: bool) -> redb::Durability {
        if forgets || self.next_is_durable() {
            self.pending = 0;
            return redb::Durability::Immediate;
        }
        self.pending += 1;
        redb::Durability::None
    }

    fn write(
        &self,
        durability: redb::Durability,
        change: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), StoreError> {
        let write = || {
            let mut transaction = self.db.begin_write()?;
            transaction.set_durability(durability)?;
            change(&transaction)?;
            Ok::<(), redb::Error>(transaction.commit()?)
        };
        write().map_err(|error| failed(&self.path, error))
    }

    fn fail<E: Into<redb::Error>>(&self) -> impl Fn(E) -> StoreError {
        |error| failed(&self.path, error)
    }

    fn damaged(&self, reason: String) -> StoreError {
        StoreError::Corrupt { path: self.path.clone(), reason }
    }

    fn each_of_snapshot(
        &self,
        read: &ReadTransaction,
        visit: &mut dyn FnMut(Saved<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let heads = read.open_table(SNAPSHOT).map_err(self.fail())?;
        let Some((seq, value)) = heads.last().map_err(self.fail())? else { return Ok(()) };
        let head = SnapshotHead::decode(value.value());
        let SnapshotHead { input, marks } =
            head.ok_or_else(|| self.damaged("the snapshot does not say what it covers".into()))?;
        visit(Saved::Snapshot { seq: seq.value(), input: &input, marks: &marks })?;
        let chunks = read.open_table(CHUNKS).map_err(self.fail())?;
        for row in chunks.iter().map_err(self.fail())? {
            visit(Saved::Chunk(row.map_err(self.fail())?.1.value()))?;
        }
        Ok(())
    }

    fn each_of_journal(
        &self,
        read: &ReadTransaction,
        visit: &mut dyn FnMut(Saved<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let journal = read.open_table(JOURNAL).map_err(self.fail())?;
        for row in journal.iter().map_err(self.fail())? {
            let (seq, value) = row.map_err(self.fail())?;
            let parts = EntryParts::decode(value.value());
            let parts = parts.ok_or_else(|| self.damaged(format!("entry {} cannot be read", seq.value())))?;
            let owes_compaction = self.owed.binary_search(&seq.value()).is_ok();
            visit(Saved::Entry(parts.entry(seq.value(), &parts.outputs(), owes_compaction)))?;
        }
        Ok(())
    }
}

impl StateStore for RedbStore {
    fn recover(&mut self, visit: &mut dyn FnMut(Saved<'_>) -> Result<(), Refusal>) -> Result<(), StoreError> {
        let visit = &mut |saved: Saved<'_>| visit(saved).map_err(StoreError::Refused);
        let read = self.db.begin_read().map_err(self.fail())?;
        self.each_of_snapshot(&read, visit)?;
        self.each_of_journal(&read, visit)
    }

    fn append(&mut self, entry: &Entry<'_>) -> Result<(), StoreError> {
        follows(entry.seq, self.last_seq)?;
        let durability = self.next_durability(entry.owes_compaction);
        let outputs = entry.outputs.iter().flat_map(|output| [output.mark.0.as_slice(), output.lines]);
        let parts = [entry.input.0.as_slice(), entry.deltas].into_iter().chain(outputs);
        let mut owed = self.owed.clone();
        owed.extend(entry.owes_compaction.then_some(entry.seq));
        self.write(durability, |transaction| {
            if entry.owes_compaction {
                write_owed(transaction, &owed)?;
            }
            insert_parts(&mut transaction.open_table(JOURNAL)?, entry.seq, parts)
        })?;
        (self.last_seq, self.owed) = (Some(entry.seq), owed);
        Ok(())
    }

    fn snapshot(
        &mut self,
        seq: u64,
        input: &Position,
        marks: &[Mark],
        chunks: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), StoreError> {
        self.write(redb::Durability::Immediate, |transaction| {
            transaction.delete_table(CHUNKS)?;
            let mut table = transaction.open_table(CHUNKS)?;
            for (index, chunk) in chunks.enumerate() {
                table.insert(index as u64, chunk.as_slice())?;
            }
            transaction.delete_table(SNAPSHOT)?;
            let head = [&input.0].into_iter().chain(marks.iter().map(|mark| &mark.0)).map(Vec::as_slice);
            insert_parts(&mut transaction.open_table(SNAPSHOT)?, seq, head)?;
            Ok(transaction.open_table(JOURNAL)?.retain(|entry, _| entry > seq)?)
        })?;
        self.pending = 0;
        self.last_seq = self.last_seq.max(Some(seq));
        Ok(())
    }

    /// Copies what is live into a new file and puts it in the place of the old one: the database's own compaction
    /// moves pages about and may leave old bytes in those that it keeps. What is owed goes with the old file: whichever
    /// of the two a stop leaves says the truth of itself.
    fn compact(&mut self) -> Result<(), StoreError> {
        let fresh = rewritten(&self.path);
        remove_leftover(&fresh)?;
        let copy = open_database(&fresh, &self.options)?;
        let owed = copy_all(&self.db, &copy, &self.owed).map_err(|error| failed(&self.path, error))?;
        // The copy stays open, and locked, under its new name: at no moment can another process take the store.
        let renamed = std::fs::rename(&fresh, &self.path).and_then(|()| sync_folder_of(&self.path));
        renamed.map_err(|source| StoreError::Io { doing: "replace", path: self.path.clone(), source })?;
        (self.db, self.pending, self.owed) = (copy, 0, owed);
        Ok(())
    }

    fn owes_compaction(&self) -> bool {
        !self.owed.is_empty()
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        if self.pending > 0 {
            // A transaction that is synced takes those before it along.
            self.write(redb::Durability::Immediate, |_| Ok(()))?;
            self.pending = 0;
        }
        Ok(())
    }

    fn next_is_durable(&self) -> bool {
        match self.options.durability {
            Durability::Immediate => true,
            // Without the first entry nobody could say that what is in the output is ours.
            Durability::Eventual { every } => self.pending + 1 >= every || self.last_seq.is_none(),
        }
    }
}

fn open_database(path: &Path, options: &StoreOptions) -> Result<Database, StoreError> {
    let db = Builder::new().set_cache_size(options.cache_bytes).create(path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::Locked { path: path.to_owned() },
        DatabaseError::UpgradeRequired(version) => {
            StoreError::Format { path: path.to_owned(), found: format!("database version {version}"), wanted: FORMAT }
        }
        error => failed(path, error),
    })?;
    match format_of(&db).map_err(|error| failed(path, error))? {
        FORMAT => Ok(db),
        other => Err(StoreError::Format { path: path.to_owned(), found: other.to_string(), wanted: FORMAT }),
    }
}

/// Reads the format number, or writes it into a new database together with its tables.
fn format_of(db: &Database) -> Result<u64, redb::Error> {
    let transaction = db.begin_write()?;
    let mut meta = transaction.open_table(META)?;
    let found = meta.get("format")?.map(|value| value.value().try_into().map_or(0, u64::from_le_bytes));
    if let Some(format) = found {
        return Ok(format);
    }
    meta.insert("format", FORMAT.to_le_bytes().as_slice())?;
    drop(meta);
    for table in [SNAPSHOT, CHUNKS, JOURNAL] {
        transaction.open_table(table)?;
    }
    transaction.commit()?;
    Ok(FORMAT)
}

fn last_seq(db: &Database) -> Result<Option<u64>, redb::Error> {
    let read = db.begin_read()?;
    let last = |table| -> Result<Option<u64>, redb::Error> {
        Ok(read.open_table::<u64, &[u8]>(table)?.last()?.map(|(seq, _)| seq.value()))
    };
    Ok(last(JOURNAL)?.max(last(SNAPSHOT)?))
}

/// The entries that owe a compaction; `None` if the row cannot be read.
fn owed(db: &Database) -> Result<Option<Vec<u64>>, redb::Error> {
    let meta = db.begin_read()?.open_table(META)?;
    let Some(row) = meta.get(OWED)? else { return Ok(Some(Vec::new())) };
    let (numbers, rest) = row.value().as_chunks();
    Ok(rest.is_empty().then(|| numbers.iter().map(|&bytes| u64::from_le_bytes(bytes)).collect()))
}

fn write_owed(transaction: &WriteTransaction, owed: &[u64]) -> Result<(), redb::Error> {
    let row: Vec<u8> = owed.iter().flat_map(|seq| seq.to_le_bytes()).collect();
    transaction.open_table(META)?.insert(OWED, row.as_slice())?;
    Ok(())
}

/// Copies what is live, and of what is owed that which the snapshot does not cover; gives back the latter.
fn copy_all(from: &Database, to: &Database, owed: &[u64]) -> Result<Vec<u64>, redb::Error> {
    let (read, write) = (from.begin_read()?, to.begin_write()?);
    let covered = read.open_table(SNAPSHOT)?.last()?.map(|(seq, _)| seq.value());
    let owed: Vec<u64> = owed.iter().copied().filter(|&seq| Some(seq) > covered).collect();
    let mut meta = write.open_table(META)?;
    for row in read.open_table(META)?.iter()? {
        let (key, value) = row?;
        if key.value() != OWED {
            meta.insert(key.value(), value.value())?;
        }
    }
    drop(meta);
    if !owed.is_empty() {
        write_owed(&write, &owed)?;
    }
    for name in [SNAPSHOT, CHUNKS, JOURNAL] {
        let mut table = write.open_table(name)?;
        for row in read.open_table(name)?.iter()? {
            let (key, value) = row?;
            table.insert(key.value(), value.value())?;
        }
    }
    write.commit()?;
    Ok(owed)
}

fn rewritten(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".rewritten");
    name.into()
}

/// A rewrite that was stopped left a copy of what may have been erased since.
fn remove_leftover(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::Io { doing: "remove", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// A rename is on the disk when its folder is.
fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}

fn failed(path: &Path, error: impl Into<redb::Error>) -> StoreError {
    let path = path.to_owned();
    match error.into() {
        redb::Error::Io(source) => StoreError::Io { doing: "use", path, source },
        redb::Error::Corrupted(reason) => StoreError::Corrupt { path, reason },
        error => StoreError::Database { path, reason: error.to_string() },
    }
}

/// The parts of a value: each its length in four bytes and its bytes.
fn insert_parts<'p>(
    table: &mut Table<'_, u64, &'static [u8]>,
    key: u64,
    parts: impl Iterator<Item = &'p [u8]> + Clone,
) -> Result<(), redb::Error> {
    let mut place = table.insert_reserve(key, parts.clone().map(|part| part.len() + 4).sum())?;
    let mut rest = place.as_mut();
    for part in parts {
        let length = u32::try_from(part.len()).map_err(|_| StorageError::ValueTooLarge(part.len()))?;
        let (head, tail) = rest.split_at_mut(4 + part.len());
        head[..4].copy_from_slice(&length.to_le_bytes());
        head[4..].copy_from_slice(part);
        rest = tail;
    }
    Ok(())
}

/// Reads them; `None` if the lengths do not add up.
fn parts(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk()?;
        let (part, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        parts.push(part);
        bytes = rest;
    }
    Some(parts)
}

fn mark(bytes: &[u8]) -> Mark {
    Mark(bytes.to_vec())
}

/// Where source and sinks stood at the snapshot: its row is the number of the last entry, the input, the marks.
struct SnapshotHead {
    input: Position,
    marks: Vec<Mark>,
}

impl SnapshotHead {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let parts = parts(bytes)?;
        let (input, marks) = parts.split_first()?;
        Some(Self { input: Position(input.to_vec()), marks: marks.iter().map(|bytes| mark(bytes)).collect() })
    }
}

/// An entry as it lies in the database: its row is the input, the deltas, then mark and lines of each output.
struct EntryParts<'a> {
    input: Position,
    deltas: &'a [u8],
    outputs: Vec<(Mark, &'a [u8])>,
}

impl<'a> EntryParts<'a> {
    fn decode(bytes: &'a [u8]) -> Option<Self> {
        let parts = parts(bytes)?;
        let ([input, deltas], outputs) = parts.split_first_chunk()?;
        let (outputs, []) = outputs.as_chunks() else { return None };
        let outputs = outputs.iter().map(|&[bytes, lines]| (mark(bytes), lines)).collect();
        Some(Self { input: Position(input.to_vec()), deltas, outputs })
    }

    fn outputs(&self) -> Vec<Output<'_>> {
        self.outputs.iter().map(|(mark, lines)| Output { mark, lines }).collect()
    }

    fn entry<'e>(&'e self, seq: u64, outputs: &'e [Output<'e>], owes_compaction: bool) -> Entry<'e> {
        Entry { seq, input: &self.input, deltas: self.deltas, outputs, owes_compaction }
    }
}

/// Makes a store of another format, for tests.
#[cfg(test)]
pub(super) fn write_format(path: &Path, format: u64) {
    let db = Database::create(path).expect("the folder is writable");
    let transaction = db.begin_write().expect("nobody else writes");
    let mut meta = transaction.open_table(META).expect("it is new");
    meta.insert("format", format.to_le_bytes().as_slice()).expect("it is new");
    drop(meta);
    transaction.commit().expect("the folder is writable");
}
