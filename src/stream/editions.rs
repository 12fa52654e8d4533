//! The edition in force, and the change of it: compiled beside the old one, checked, and swapped between two batches.

use std::sync::{Arc, PoisonError, RwLock};

use crate::pipeline::Edition;

use super::measure;

/// The edition in force. The loop asks once a batch; whoever publishes replaces it at any time.
pub struct Editions(RwLock<Arc<Edition>>);

impl Editions {
    /// Begins with that edition.
    #[must_use]
    pub fn new(edition: Arc<Edition>) -> Self {
        Self(RwLock::new(edition))
    }

    /// The edition in force.
    #[must_use]
    pub fn current(&self) -> Arc<Edition> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another in force, from the next batch on.
    pub fn publish(&self, edition: Arc<Edition>) {
        measure::swapped();
        tracing::info!(edition = &*edition.id, "edition in force");
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = edition;
    }
}
