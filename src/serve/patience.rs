//! A connection whose other end must read: who takes an answer too slowly is cut off, so that answers do not pile up in memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How much must be taken within the time, or everything that waits.
const PROGRESS_BYTES: usize = 64 << 10;

/// A stream that fails where less than [`PROGRESS_BYTES`] can be written within a time.
pub(super) struct Patient<S> {
    stream: S,
    time: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
    /// What was written since it waits.
    written: usize,
}

impl<S: AsyncWrite + Unpin> Patient<S> {
    pub(super) fn new(stream: S, time: Duration) -> Self {
        Self { stream, time, waiting: None, written: 0 }
    }

    /// Goes on waiting, as long as there is time.
    fn wait<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let time = self.time;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(time)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the caller does not read its answer")))
    }

    fn rest(&mut self) {
        (self.waiting, self.written) = (None, 0);
    }

    fn wrote(&mut self, context: &mut Context<'_>, poll: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match poll {
            Poll::Pending => self.wait(context),
            Poll::Ready(Ok(bytes)) => {
                self.written += bytes;
                if self.waiting.is_none() || self.written >= PROGRESS_BYTES {
                    self.rest();
                }
                Poll::Ready(Ok(bytes))
            }
            failed => failed,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(context, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.wrote(context, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Asked for when everything was written: what waits behind it is the system's.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(context) {
            Poll::Pending => self.wait(context),
            done => {
                self.rest();
                done
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_shutdown(context) {
            Poll::Pending => self.wait(context),
            done => done,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn on_runtime<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    #[test]
    fn who_does_not_read_is_cut_off() {
        on_runtime(async {
            let (_other, stream) = tokio::io::duplex(16);
            let mut patient = Patient::new(stream, Duration::from_millis(20));
            let failed = patient.write_all(&[0; 64]).await.unwrap_err();
            assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        });
    }

    #[test]
    fn who_reads_a_byte_now_and_then_is_cut_off_as_well() {
        on_runtime(async {
            let (mut other, stream) = tokio::io::duplex(16);
            let mut patient = Patient::new(stream, Duration::from_millis(50));
            let trickle = async {
                let mut byte = [0];
                while other.read_exact(&mut byte).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::select! {
                () = trickle => unreachable!("the stream stays open"),
                written = patient.write_all(&[0; 4096]) => assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut),
            }
        });
    }

    #[test]
    fn who_reads_gets_everything() {
        on_runtime(async {
            let (mut other, stream) = tokio::io::duplex(1024);
            let mut patient = Patient::new(stream, Duration::from_secs(60));
            let write = async {
                patient.write_all(&[7; 1 << 20]).await.unwrap();
                patient.shutdown().await.unwrap();
            };
            let mut taken = Vec::new();
            let (read, ()) = tokio::join!(other.read_to_end(&mut taken), write);
            assert_eq!(read.unwrap(), 1 << 20);
        });
    }
}
