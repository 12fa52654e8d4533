//! Bodies of calls: each within its bound, and all together within another.

use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::fault::Fault;

/// In what room is counted.
const UNIT_BYTES: usize = 1 << 10;

/// The room that bodies take in memory until they are answered.
pub(super) struct Bodies {
    room: Arc<Semaphore>,
}

/// A body, with the room that it takes.
pub(super) struct Held {
    pub(super) bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

impl Bodies {
    /// Room for so many bytes, and for one body of the largest size at least.
    pub(super) fn new(bytes_max: usize, largest: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(units(bytes_max.max(largest)) as usize)) }
    }

    /// Reads a body of at most so many bytes. Room is taken before the first byte is read: as much as the call says that it brings, or
    /// as it may bring where it does not say.
    pub(super) async fn read(&self, body: Body, bytes_max: usize) -> Result<Held, Fault> {
        let size = body.size_hint();
        if size.lower() > bytes_max as u64 {
            return Err(Fault::too_large(bytes_max));
        }
        let expected = size.upper().map_or(bytes_max, |upper| upper.min(bytes_max as u64) as usize);
        let room = Arc::clone(&self.room).try_acquire_many_owned(units(expected));
        let room = room.map_err(|_| {
            Fault::unavailable("busy", "too much is being read from others: send it again in a moment", 1)
        })?;
        let bytes = to_bytes(body, bytes_max).await.map_err(|_| Fault::too_large(bytes_max))?;
        Ok(Held { bytes, _room: room })
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES).max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_bodies_take_together_is_bounded_too() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let bodies = Bodies::new(3 << 10, 2 << 10);
            let read = |bytes: usize| bodies.read(Body::from(vec![b'x'; bytes]), 2 << 10);
            let first = read(2 << 10).await.ok().unwrap();
            assert_eq!(first.bytes.len(), 2 << 10);
            let second = read(10).await.ok().unwrap();
            assert_eq!(read(1).await.err().unwrap().code, "busy");
            assert_eq!(read((2 << 10) + 1).await.err().unwrap().code, "body_too_large");
            drop((first, second));
            assert!(read(2 << 10).await.is_ok());
        });
    }
}
