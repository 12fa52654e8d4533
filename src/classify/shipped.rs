//! The model that ships, inside the binary, so that one file is enough to start.

use std::sync::LazyLock;

use super::model::Classifier;
use super::store::StoreError;

static BYTES: &[u8] = include_bytes!("../../models/guard/model.safetensors");

impl Classifier {
    /// The model that ships; read once, shared by all.
    ///
    /// # Errors
    /// [`StoreError`], which a test keeps from ever happening.
    pub fn shipped() -> Result<Self, StoreError> {
        static SHIPPED: LazyLock<Option<Classifier>> = LazyLock::new(|| Classifier::read(BYTES).ok());
        SHIPPED.clone().map_or_else(|| Self::read(BYTES), Ok)
    }
}
