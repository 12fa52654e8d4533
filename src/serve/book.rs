//! The decisions that went out, to be found again: which bytes of `actions.jsonl` they are, and a few counts.
//!
//! Nothing is kept twice: the lines stay in the file, and what is held of one in memory is 48 bytes and two entries in a
//! table. It is read in when the loop is ready and grows with every batch that was committed. Beyond the bound the oldest
//! can no longer be asked for here; they are still in the file.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashbrown::HashMap;
use serde::Deserialize;

use crate::event::{Millis, parse_rfc3339};

/// The name of the rule that stands under a reviewer's word.
pub(crate) const VERDICT: &str = "verdict";

/// What is read of a decision to find and to filter it.
#[derive(Debug, Deserialize)]
pub(crate) struct Line<'a> {
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) event: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) channel: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) author: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) room: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) at: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) edition: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) actions: Vec<ActionOf<'a>>,
    #[serde(borrow)]
    pub(crate) reasons: Vec<RuleOf<'a>>,
    #[serde(borrow, default)]
    pub(crate) shadow: Vec<RuleOf<'a>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ActionOf<'a> {
    #[serde(borrow)]
    pub(crate) action: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) queue: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RuleOf<'a> {
    #[serde(borrow)]
    pub(crate) rule: Cow<'a, str>,
}

impl<'a> Line<'a> {
    /// Reads a line of ours; `None` if it is none.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Whether a reviewer's word led to it.
    pub(crate) fn is_verdict(&self) -> bool {
        self.reasons.iter().any(|reason| reason.rule == VERDICT)
    }

    pub(crate) fn at(&self) -> Millis {
        parse_rfc3339(&self.at).unwrap_or_default()
    }
}

/// Where a line stands, and what it is about, as hashes.
#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    bytes: u32,
    author: u64,
    room: u64,
    id: u64,
    event: u64,
}

/// What a rule did, as far as the book reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hits {
    pub(crate) live: u64,
    pub(crate) shadow: u64,
    pub(crate) last_at: Millis,
}

/// What an edition decided, as far as the book reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reign {
    pub(crate) first_at: Millis,
    pub(crate) last_at: Millis,
    pub(crate) decisions: u64,
}

type Table = HashMap<u64, u64, foldhash::fast::FixedState>;

/// See the module.
pub(crate) struct Book {
    path: Arc<Path>,
    lines_max: usize,
    places: VecDeque<Place>,
    /// The number of the first place: lines are numbered from 0 as they stand in the file.
    first: u64,
    /// Where the next line will stand.
    end: u64,
    by_id: Table,
    /// The first decision on each event, reviewers' words apart.
    by_event: Table,
    /// Whoever names events must not be able to make two names alike here.
    key: [u8; 32],
    pub(crate) rules: BTreeMap<Box<str>, Hits>,
    pub(crate) editions: BTreeMap<Box<str>, Reign>,
}

impl Book {
    /// An empty one for that file; `key` is secret and random.
    pub(crate) fn new(path: PathBuf, lines_max: usize, key: [u8; 32]) -> Self {
        Self {
            path: path.into(),
            lines_max: lines_max.max(1),
            places: VecDeque::new(),
            first: 0,
            end: 0,
            by_id: Table::default(),
            by_event: Table::default(),
            key,
            rules: BTreeMap::new(),
            editions: BTreeMap::new(),
        }
    }

    /// Reads what stands in the file and is not known yet; each line is given to `seen` too.
    pub(crate) fn catch_up(&mut self, mut seen: impl FnMut(u64, &Line<'_>)) -> io::Result<()> {
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        file.seek(SeekFrom::Start(self.end))?;
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut line = Vec::new();
        loop {
            line.clear();
            reader.read_until(b'\n', &mut line)?;
            if !line.ends_with(b"\n") {
                return Ok(());
            }
            self.add(&line, &mut seen);
        }
    }

    /// Adds lines that stand at the end of the file.
    pub(crate) fn add(&mut self, lines: &[u8], mut seen: impl FnMut(u64, &Line<'_>)) {
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            let number = self.first + self.places.len() as u64;
            let read = Line::read(line);
            self.push(number, line.len(), read.as_ref());
            if let Some(read) = &read {
                self.count(read);
                seen(number, read);
            }
        }
    }

    fn push(&mut self, number: u64, bytes: usize, line: Option<&Line<'_>>) {
        let hash = |text: &str| self.hash(text);
        let of = |text: Option<&str>| text.map_or(0, hash);
        let place = Place {
            offset: self.end,
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            author: of(line.map(|line| &*line.author)),
            room: of(line.and_then(|line| line.room.as_deref())),
            id: of(line.map(|line| &*line.id)),
            event: of(line.map(|line| &*line.event)),
        };
        self.end += bytes as u64;
        if let Some(line) = line {
            self.by_id.insert(place.id, number);
            if !line.is_verdict() {
                self.by_event.entry(place.event).or_insert(number);
            }
        }
        self.places.push_back(place);
        if self.places.len() > self.lines_max
            && let Some(oldest) = self.places.pop_front()
        {
            for (table, key) in [(&mut self.by_id, oldest.id), (&mut self.by_event, oldest.event)] {
                if table.get(&key) == Some(&self.first) {
                    table.remove(&key);
                }
            }
            self.first += 1;
        }
    }

    fn hash(&self, text: &str) -> u64 {
        let hash = blake3::keyed_hash(&self.key, text.as_bytes());
        hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    fn count(&mut self, line: &Line<'_>) {
        let at = line.at();
        if !self.editions.contains_key(&*line.edition) {
            self.editions.insert((&*line.edition).into(), Reign { first_at: at, last_at: at, decisions: 0 });
        }
        if let Some(reign) = self.editions.get_mut(&*line.edition) {
            reign.decisions += 1;
            (reign.first_at, reign.last_at) = (reign.first_at.min(at), reign.last_at.max(at));
        }
        let live = line.reasons.iter().map(|reason| (&reason.rule, true));
        for (rule, is_live) in live.chain(line.shadow.iter().map(|reason| (&reason.rule, false))) {
            if !self.rules.contains_key(&**rule) {
                self.rules.insert((&**rule).into(), Hits::default());
            }
            if let Some(hits) = self.rules.get_mut(&**rule) {
                *(if is_live { &mut hits.live } else { &mut hits.shadow }) += 1;
                hits.last_at = hits.last_at.max(at);
            }
        }
    }

    /// The number behind the last line.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.places.len() as u64
    }

    /// The number of the first line that can be asked for.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The decision of that id.
    pub(crate) fn by_id(&self, id: &str) -> Option<At> {
        self.by_id.get(&self.hash(id)).and_then(|&number| self.at(number))
    }

    /// The first decision on that event, nearly for certain: whoever reads the line looks at the name.
    pub(crate) fn by_event(&self, event: &str) -> Option<At> {
        self.by_event.get(&self.hash(event)).and_then(|&number| self.at(number))
    }

    /// Where that line stands.
    fn at(&self, number: u64) -> Option<At> {
        let place = self.places.get(usize::try_from(number.checked_sub(self.first)?).ok()?)?;
        Some(At { path: Arc::clone(&self.path), offset: place.offset, bytes: place.bytes, number })
    }

    /// Lines before that number, newest first, at most so many: of one author or room where a name is given. Hashes may
    /// agree by chance, so whoever reads the lines looks at the names again.
    pub(crate) fn before(&self, number: u64, author: Option<&str>, room: Option<&str>, count: usize) -> Vec<At> {
        let hash = |text: Option<&str>| text.map(|text| self.hash(text));
        let (author, room) = (hash(author), hash(room));
        let upto = usize::try_from(number.clamp(self.first, self.end()) - self.first).unwrap_or(0);
        let fits = |place: &Place| {
            author.is_none_or(|author| place.author == author) && room.is_none_or(|room| place.room == room)
        };
        let found = self.places.range(..upto).enumerate().rev().filter(|(_, place)| fits(place));
        found.take(count).filter_map(|(i, _)| self.at(self.first + i as u64)).collect()
    }
}

/// Where a line stands: it is read without holding up the book.
#[derive(Clone, Debug)]
pub(crate) struct At {
    path: Arc<Path>,
    offset: u64,
    bytes: u32,
    pub(crate) number: u64,
}

impl At {
    /// Reads the line.
    pub(crate) fn read(&self) -> io::Result<Vec<u8>> {
        let mut file = File::open(&self.path)?;
        self.read_from(&mut file)
    }

    fn read_from(&self, file: &mut File) -> io::Result<Vec<u8>> {
        file.seek(SeekFrom::Start(self.offset))?;
        let mut line = Vec::with_capacity(self.bytes as usize);
        file.take(self.bytes.into()).read_to_end(&mut line)?;
        Ok(line)
    }
}

/// Gives the lines to `take` until it has enough; the number of the last one that it took or passed over.
pub(crate) fn read_each(places: &[At], mut take: impl FnMut(u64, &[u8]) -> bool) -> io::Result<Option<u64>> {
    let Some(first) = places.first() else { return Ok(None) };
    let mut file = File::open(&first.path)?;
    for place in places {
        if !take(place.number, &place.read_from(&mut file)?) {
            return Ok(Some(place.number));
        }
    }
    Ok(places.last().map(|place| place.number))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn line(id: u32, event: &str, author: &str, rule: &str) -> String {
        format!(
            "{{\"id\":\"d{id}\",\"event\":\"{event}\",\"channel\":\"post\",\"author\":\"{author}\",\"at\":\"2026-01-01T00:00:00Z\",\
             \"edition\":\"e\",\"actions\":[{{\"action\":\"fold\",\"level\":1,\"reason\":0}}],\"reasons\":[{{\"rule\":\"{rule}\"}}]}}\n"
        )
    }

    #[test]
    fn lines_are_found_by_what_they_say_and_the_oldest_go_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("actions.jsonl");
        let lines: Vec<String> =
            (0..5).map(|i| line(i, &format!("v{i}"), ["li", "wang"][i as usize % 2], "r")).collect();
        fs::write(&path, lines[..3].concat()).unwrap();
        let mut book = Book::new(path.clone(), 3, [1; 32]);
        let mut seen = Vec::new();
        book.catch_up(|number, line| seen.push((number, line.event.to_string()))).unwrap();
        assert_eq!(seen.len(), 3);
        fs::write(&path, lines.concat()).unwrap();
        book.add(lines[3..].concat().as_bytes(), |_, _| ());
        assert_eq!((book.first(), book.end()), (2, 5));
        assert!(book.by_id("d1").is_none() && book.by_event("v0").is_none());
        assert_eq!(book.by_event("v4").unwrap().read().unwrap(), lines[4].as_bytes());
        assert_eq!(book.by_id("d2").unwrap().read().unwrap(), lines[2].as_bytes());
        let of_li = book.before(5, Some("li"), None, 10);
        assert_eq!(of_li.iter().map(|at| at.number).collect::<Vec<_>>(), [4, 2]);
        assert_eq!(book.rules["r"].live, 5);
        assert_eq!(book.editions["e"].decisions, 5);
    }

    #[test]
    fn an_events_own_decision_is_found_after_it_was_overturned() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("actions.jsonl");
        fs::write(&path, line(1, "v", "li", "r") + &line(2, "v", "li", VERDICT)).unwrap();
        let mut book = Book::new(path, 10, [1; 32]);
        book.catch_up(|_, _| ()).unwrap();
        assert_eq!(book.by_event("v").unwrap().number, 0);
    }
}
