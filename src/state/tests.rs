//! Properties of the whole room.
