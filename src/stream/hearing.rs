//! What the lanes of other instances, and of this one, tell one another beside their records: how authors stand, and which texts they
//! hold. One listener for all lanes of a process; where neither is shared it hears nothing.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use crate::event::StandingStrike;
use crate::io::kafka::{KafkaError, KafkaOptions, Said, SketchTopic, StandingTopic};
use crate::io::{FileTexts, FileTextsError};
use crate::pipeline::{Elsewhere, Joined, elsewhere};
use crate::state::{Board, Keys, Texts, author_mark};

use super::lanes::Folders;
use super::{Options, StreamError, measure};

/// How long one look at a topic takes where there are two: what comes meanwhile in the other waits so long.
const LOOK: Duration = Duration::from_millis(50);
/// How long it is slept where nothing is to be heard.
const IDLE: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Hearing {
    keys: Keys,
    standing: Option<StandingTopic>,
    /// How authors stand whose standing others keep.
    pub(super) board: Option<Arc<Board>>,
    sketches: Option<SketchTopic>,
    /// What other lanes hold.
    pub(super) elsewhere: Option<Arc<Elsewhere>>,
    texts: Option<Arc<FileTexts>>,
}

impl Hearing {
    /// Begins to listen to what the options share.
    pub(super) fn open(kafka: &KafkaOptions, folders: &Folders, options: &Options) -> Result<Self, StreamError> {
        let standing = StandingTopic::open(kafka)?;
        let board = standing.as_ref().map(|_| Arc::new(Board::new(options.state.accounts_max)));
        let (mut sketches, mut others, mut texts) = (None, None, None);
        if let Some(copies) = &options.copies {
            sketches = SketchTopic::open(kafka, copies.twins.entries_max)?;
            if sketches.is_some() {
                let log = Arc::new(FileTexts::temporary(folders.texts)?);
                others = Some(Arc::new(elsewhere(copies, &options.keys, Arc::clone(&log) as Arc<dyn Texts>)));
                texts = Some(log);
            }
        }
        Ok(Self { keys: options.keys, standing, board, sketches, elsewhere: others, texts })
    }

    /// Hears what was said before: rules that read how an author stands are not to begin without knowing it.
    pub(super) fn catch_up(&mut self) -> Result<(), StreamError> {
        let Self { keys, standing, board, sketches, elsewhere, .. } = self;
        if let Some(standing) = standing {
            standing.read_whole(&mut |author, strikes| put(board.as_deref(), keys, author, strikes))?;
        }
        if let Some(sketches) = sketches
            && !sketches.catch_up(&mut |source, offset, said| hear(elsewhere.as_deref(), keys, source, offset, said))?
        {
            tracing::warn!("not all that other lanes hold was heard yet: fewer copies are found until it is");
        }
        Ok(self.settle()?)
    }

    /// Listens until `stop` is dropped.
    pub(super) fn listen(mut self, stop: &Receiver<()>) {
        if self.standing.is_none() && self.sketches.is_none() {
            while stop.recv_timeout(IDLE) == Err(RecvTimeoutError::Timeout) {}
            return;
        }
        while stop.try_recv() != Err(TryRecvError::Disconnected) {
            if let Err(error) = self.look() {
                tracing::warn!(%error, hint = error.hint(), "other lanes are not heard now");
            }
            if let Err(error) = self.settle() {
                tracing::warn!(%error, hint = error.hint(), "what other lanes hold stays in memory");
            }
            measure::heard(self.board.as_deref(), self.elsewhere.as_deref());
        }
    }

    fn look(&mut self) -> Result<(), KafkaError> {
        let Self { keys, standing, board, sketches, elsewhere, .. } = self;
        if let Some(standing) = standing {
            standing.read(LOOK, &mut |author, strikes| put(board.as_deref(), keys, author, strikes))?;
        }
        if let Some(sketches) = sketches {
            let mut hear = |source, offset, said: Said<'_>| hear(elsewhere.as_deref(), keys, source, offset, said);
            sketches.read(LOOK, &mut hear)?;
        }
        Ok(())
    }

    /// Writes the texts that were heard, and lets go of those that nobody asks for.
    fn settle(&self) -> Result<(), FileTextsError> {
        let Some(texts) = &self.texts else { return Ok(()) };
        let end = texts.end();
        texts.flush(false)?;
        texts.settled(end)
    }
}

fn put(board: Option<&Board>, keys: &Keys, author: &str, strikes: &[StandingStrike]) {
    board.into_iter().for_each(|board| board.put(keys.author(author), strikes));
}

fn hear(elsewhere: Option<&Elsewhere>, keys: &Keys, source: u32, offset: i64, said: Said<'_>) {
    let Some(elsewhere) = elsewhere else { return };
    match said {
        Said::Entered(records) => {
            if let Err(what) = elsewhere.entered(source, offset, records) {
                tracing::warn!(source, offset, what, "what another lane entered cannot be read");
            }
        }
        Said::Joined(members) => {
            let joined = |(origin, at, author)| Joined { origin, at, author };
            elsewhere.joined(source, offset, &members.into_iter().map(joined).collect::<Vec<_>>());
        }
        Said::Forget(author, at) => {
            if let Err(error) = elsewhere.forget(author_mark(keys.author(author)), at) {
                tracing::error!(%error, "what an author wrote is not forgotten among what other lanes hold");
            }
        }
    }
}
