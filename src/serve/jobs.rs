//! Work off the threads that speak with callers: bounded in number, and counted until it has really ended.
//!
//! A call may run out of time or its caller go away; what was begun for it goes on, because a thread cannot be stopped. So a
//! piece of work holds its own place until it ends, and whoever finds none is told to come again.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::fault::Fault;

/// Pieces of work at a time, those that wait for a thread among them.
const JOBS_MAX: usize = 128;
/// Pieces of long work, those that wait for the one before them among them.
const LONG_MAX: usize = 8;
/// Bodies of dashboards that are answered at a time, and those that wait among them: a page of panels asks at once.
const DASHBOARDS: usize = 4;
const DASHBOARDS_MAX: usize = 64;

/// The places there are.
pub(super) struct Jobs {
    places: Arc<Semaphore>,
    /// Trying a rule out is done one at a time.
    pub(super) workshop: Room,
    /// So is looking for trends.
    pub(super) trends: Room,
    /// What dashboards ask.
    pub(super) dashboards: Room,
}

/// Where a few work at a time, and some wait.
pub(super) struct Room {
    line: Arc<Semaphore>,
    seats: Arc<Semaphore>,
}

/// A place in a room, given back when it is dropped.
pub(super) struct Place {
    _line: OwnedSemaphorePermit,
    _seat: OwnedSemaphorePermit,
}

impl Room {
    fn of(seats: usize, line_max: usize) -> Self {
        Self { line: Arc::new(Semaphore::new(line_max)), seats: Arc::new(Semaphore::new(seats)) }
    }

    /// Waits for a place. Move it into the work.
    pub(super) async fn enter(&self) -> Result<Place, Fault> {
        let line = Arc::clone(&self.line).try_acquire_owned().map_err(|_| busy())?;
        let seat = Arc::clone(&self.seats).acquire_owned().await.map_err(|error| Fault::internal(&error))?;
        Ok(Place { _line: line, _seat: seat })
    }
}

impl Default for Jobs {
    fn default() -> Self {
        Self::of(JOBS_MAX, LONG_MAX)
    }
}

impl Jobs {
    fn of(jobs_max: usize, long_max: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(jobs_max)),
            workshop: Room::of(1, long_max),
            trends: Room::of(1, long_max),
            dashboards: Room::of(DASHBOARDS, DASHBOARDS_MAX),
        }
    }

    /// Does work that reads files or thinks.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        });
        done.await.map_err(|error| Fault::internal(&error))?
    }
}

fn busy() -> Fault {
    Fault::unavailable("busy", "too much is being looked up at once: ask again in a moment", 1)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    fn on_runtime<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    #[test]
    fn work_that_nobody_waits_for_any_longer_keeps_its_place_until_it_ends() {
        on_runtime(async {
            let jobs = Jobs::of(1, 1);
            let (finish, finished) = mpsc::channel::<()>();
            let long = jobs.run(move || Ok(finished.recv().is_ok()));
            assert!(tokio::time::timeout(Duration::from_millis(20), long).await.is_err());
            assert_eq!(jobs.run(|| Ok(())).await.unwrap_err().code, "busy");
            finish.send(()).unwrap();
            while jobs.run(|| Ok(())).await.is_err() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }

    #[test]
    fn the_line_before_the_workshop_is_bounded() {
        on_runtime(async {
            let jobs = Jobs::of(1, 2);
            let first = jobs.workshop.enter().await.ok().unwrap();
            let mut second = std::pin::pin!(jobs.workshop.enter());
            assert!(tokio::time::timeout(Duration::from_millis(1), second.as_mut()).await.is_err());
            assert_eq!(jobs.workshop.enter().await.err().unwrap().code, "busy");
            drop(first);
            assert!(second.await.is_ok());
        });
    }
}
