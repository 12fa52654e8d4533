//! The index as a whole: cases in, searches out.
