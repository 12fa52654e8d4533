//! Bytes of a text, plain or compressed, from a file or a pipe. What the content begins with decides, not its name.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use flate2::bufread::MultiGzDecoder;

const BUFFER_BYTES: usize = 128 << 10;
const PIPE_BLOCK_BYTES: usize = 256 << 10;
const PIPE_BLOCKS_MAX: usize = 4;

/// A file or pipe whose bytes are counted as they are used, which tells where a damaged file breaks.
pub(super) struct Counted<R> {
    inner: BufReader<R>,
    used: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.used += n as u64;
        Ok(n)
    }
}

impl<R: Read> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        self.used += n as u64;
        self.inner.consume(n);
    }
}

pub(super) type Input<R> = Counted<io::Chain<Cursor<Vec<u8>>, R>>;

/// Decompresses where there is something to decompress.
pub(super) enum Decoder<R: Read> {
    Plain(Input<R>),
    Zstd(zstd::stream::read::Decoder<'static, Input<R>>),
    Gzip(MultiGzDecoder<Input<R>>),
}

impl<R: Read> Decoder<R> {
    pub(super) fn new(mut reader: R) -> io::Result<Self> {
        let mut magic = Vec::with_capacity(4);
        reader.by_ref().take(4).read_to_end(&mut magic)?;
        let kind = magic.clone();
        let inner = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(magic).chain(reader));
        let input = Counted { inner, used: 0 };
        Ok(match kind[..] {
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
                Self::Zstd(zstd::stream::read::Decoder::with_buffer(input)?)
            }
            [0x1f, 0x8b, ..] => Self::Gzip(MultiGzDecoder::new(input)),
            _ => Self::Plain(input),
        })
    }

    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// How many bytes of the file or pipe, compressed or not, were used.
    pub(super) fn used(&self) -> u64 {
        match self {
            Self::Plain(input) => input.used,
            Self::Zstd(decoder) => decoder.get_ref().used,
            Self::Gzip(decoder) => decoder.get_ref().used,
        }
    }
}

impl Decoder<File> {
    /// Opens a file at its first byte.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::new(File::open(path)?)
    }

    /// Goes on at a later byte of the text, from byte `now`. Compressed files are decompressed up to there.
    pub(super) fn skip_to(&mut self, now: u64, byte: u64) -> io::Result<()> {
        if let Self::Plain(input) = self {
            input.inner.consume(input.inner.buffer().len());
            let (magic, file) = input.inner.get_mut().get_mut();
            if file.metadata()?.len() < byte {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            magic.set_position(magic.get_ref().len() as u64);
            file.seek(SeekFrom::Start(byte))?;
            input.used = byte;
            return Ok(());
        }
        skip(self, byte - now)
    }
}

/// Reads and forgets exactly so many bytes.
fn skip(reader: &mut impl Read, bytes: u64) -> io::Result<()> {
    match io::copy(&mut reader.take(bytes), &mut io::sink())? {
        skipped if skipped == bytes => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(input) => input.read(buf),
            Self::Zstd(decoder) => decoder.read(buf),
            Self::Gzip(decoder) => decoder.read(buf),
        }
    }
}

/// What a read brought.
pub(super) enum Got {
    /// So many bytes.
    Bytes(usize),
    /// None in the time that was given.
    Nothing,
    /// None, and none will come.
    End,
}

/// A pipe, read and decompressed by a thread of its own, because a read from a pipe cannot be told when to give up.
pub(super) struct Pipe {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Cursor<Vec<u8>>,
    used: Arc<AtomicU64>,
}

impl Pipe {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> io::Result<Self> {
        let (sender, blocks) = sync_channel(PIPE_BLOCKS_MAX);
        let used = Arc::default();
        let counter = Arc::clone(&used);
        std::thread::Builder::new().name("pipe".into()).spawn(move || {
            if let Err(error) = pump(reader, &sender, &counter) {
                // Nobody listens any more: there is nobody to tell either.
                let _ = sender.send(Err(error));
            }
        })?;
        Ok(Self { blocks, block: Cursor::default(), used })
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Reads what is there, waiting for it no longer than `wait`.
    pub(super) fn read(&mut self, buf: &mut [u8], wait: Duration) -> io::Result<Got> {
        if self.block.position() as usize == self.block.get_ref().len() {
            match self.blocks.recv_timeout(wait) {
                Ok(block) => self.block = Cursor::new(block?),
                Err(RecvTimeoutError::Timeout) => return Ok(Got::Nothing),
                Err(RecvTimeoutError::Disconnected) => return Ok(Got::End),
            }
        }
        self.block.read(buf).map(Got::Bytes)
    }
}

/// Runs until the pipe ends or nobody listens.
fn pump(reader: Box<dyn Read + Send>, blocks: &SyncSender<io::Result<Vec<u8>>>, used: &AtomicU64) -> io::Result<()> {
    let mut decoder = Decoder::new(reader)?;
    loop {
        let mut block = vec![0; PIPE_BLOCK_BYTES];
        let read = decoder.read(&mut block);
        used.store(decoder.used(), Ordering::Relaxed);
        let n = match read {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        block.truncate(n);
        if n == 0 || blocks.send(Ok(block)).is_err() {
            return Ok(());
        }
    }
}
