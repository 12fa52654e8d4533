//! The folders of days.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use jieba_rs::Jieba;
use serde::{Deserialize, Serialize};
use tantivy::directory::MmapDirectory;
use tantivy::store::{Compressor, ZstdCompressor};
use tantivy::{IndexBuilder, IndexSettings};

use super::IndexError;
use super::schema::{Fields, VERSION};
use super::tokens::tokenizers;
use crate::event::Millis;

/// A day of the calendar, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(jiff::civil::Date);

impl Day {
    /// The day of a moment; far moments are the first or the last day of the calendar.
    #[must_use]
    pub fn of(at: Millis) -> Self {
        let (first, last) = (jiff::Timestamp::MIN.as_millisecond(), jiff::Timestamp::MAX.as_millisecond());
        let at = jiff::Timestamp::from_millisecond(at.clamp(first, last)).unwrap_or_default();
        Self(at.to_zoned(jiff::tz::TimeZone::UTC).date())
    }

    /// So many days before it.
    #[must_use]
    pub fn before(self, days: u32) -> Self {
        Self(self.0.saturating_sub(jiff::Span::new().days(i64::from(days))))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for Day {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        text.parse().map(Self)
    }
}

/// What is known of a folder as a whole.
#[derive(Serialize, Deserialize)]
struct About {
    schema: u32,
}

/// The cutter of words, loaded when it is first asked.
pub(super) type Words = LazyLock<Jieba>;

/// A folder of an index.
#[derive(Clone)]
pub(super) struct Folder {
    path: PathBuf,
    pub(super) fields: Fields,
    /// Its dictionary takes a while to load, and many searches need none.
    pub(super) jieba: Arc<Words>,
}

const ABOUT: &str = "index.json";
const DAYS: &str = "days";
/// The file of the library's without which a folder is no index.
const META: &str = "meta.json";
/// The level of compression of stored cases: above it, time grows and size hardly shrinks.
const ZSTD_LEVEL: i32 = 3;
/// Cases that are compressed together, in bytes: twice as much saves little more, and each hit reads one block.
const STORE_BLOCK_BYTES: usize = 64 << 10;

impl Folder {
    /// Opens it; `makes` it where there is none.
    pub(super) fn open(path: &Path, makes: bool) -> Result<Self, IndexError> {
        let about = path.join(ABOUT);
        if makes && !about.exists() {
            let days = path.join(DAYS);
            fs::create_dir_all(&days).map_err(|source| IndexError::Io { doing: "make", path: days, source })?;
            let text = serde_json::to_vec(&About { schema: VERSION }).expect("it is a number");
            fs::write(&about, text).map_err(|source| IndexError::Io { doing: "write", path: about.clone(), source })?;
        }
        let text = fs::read(&about).map_err(|_| IndexError::NoIndex(path.to_owned()))?;
        let About { schema } = serde_json::from_slice(&text).map_err(|_| IndexError::NoIndex(path.to_owned()))?;
        if schema != VERSION {
            return Err(IndexError::Schema { path: path.to_owned(), found: schema, expected: VERSION });
        }
        Ok(Self { path: path.to_owned(), fields: Fields::new(), jieba: Arc::new(LazyLock::new(Jieba::new)) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn of(&self, day: Day) -> PathBuf {
        self.path.join(DAYS).join(day.to_string())
    }

    /// The days that there are, the oldest first.
    pub(super) fn days(&self) -> Result<Vec<Day>, IndexError> {
        let path = self.path.join(DAYS);
        let failed = |source| IndexError::Io { doing: "read", path: path.clone(), source };
        let mut days = Vec::new();
        for entry in fs::read_dir(&path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            days.extend(name.to_str().and_then(|name| name.parse::<Day>().ok()));
        }
        days.sort_unstable();
        Ok(days)
    }

    /// What the last commit of a day left, byte for byte: other bytes where anything was committed, merged or erased since. `None`
    /// where there is no index yet, or none any longer.
    pub(super) fn meta(&self, day: Day) -> Result<Option<Vec<u8>>, IndexError> {
        let path = self.of(day).join(META);
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some).map_err(|source| IndexError::Io { doing: "read", path, source }),
        }
    }

    /// The index of a day, to be read; `None` where it is not made yet, or was removed.
    pub(super) fn existing(&self, day: Day) -> Result<Option<tantivy::Index>, IndexError> {
        let path = self.of(day);
        if !path.join(META).exists() {
            return Ok(None);
        }
        let mut index = tantivy::Index::open_in_dir(&path).map_err(|source| IndexError::Tantivy { path, source })?;
        index.set_tokenizers(tokenizers(&self.jieba));
        Ok(Some(index))
    }

    /// The index of a day, made where there is none.
    pub(super) fn index(&self, day: Day) -> Result<tantivy::Index, IndexError> {
        let path = self.of(day);
        fs::create_dir_all(&path).map_err(|source| IndexError::Io { doing: "make", path: path.clone(), source })?;
        let compression = ZstdCompressor { compression_level: Some(ZSTD_LEVEL) };
        let settings = IndexSettings {
            docstore_compression: Compressor::Zstd(compression),
            docstore_blocksize: STORE_BLOCK_BYTES,
            ..IndexSettings::default()
        };
        let open = || {
            let directory = MmapDirectory::open(&path)?;
            let builder = IndexBuilder::new().schema(self.fields.schema.clone()).settings(settings);
            let mut index = builder.open_or_create(directory)?;
            index.set_tokenizers(tokenizers(&self.jieba));
            Ok(index)
        };
        open().map_err(|source| IndexError::Tantivy { path: path.clone(), source })
    }

    pub(super) fn remove(&self, day: Day) -> Result<(), IndexError> {
        let path = self.of(day);
        // First what makes it an index: half of one, which a stop may leave, is none.
        match fs::remove_file(path.join(META)) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(IndexError::Io { doing: "remove", path, source });
            }
            _ => {}
        }
        fs::remove_dir_all(&path).map_err(|source| IndexError::Io { doing: "remove", path, source })
    }
}
