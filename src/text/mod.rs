//! Text as the senses see it: folded, with the way back to the bytes that people wrote.
//!
//! [`Folded`] takes case, width, script variants, look-alikes and what cannot be seen out of a text; a [`View`] of it takes
//! out separators, repetitions or characters in favour of their sound; [`Shape`] counts. All of them reuse their buffers.
//! Absent here: any word, any list, any verdict.

mod evasions;
mod flags;
mod fold;
mod hash;
mod letters;
mod links;
mod pinyin;
mod shape;
mod table;
mod view;

pub use evasions::{digit_styles, homophones, leet, siblings, splits, traditional};
pub use fold::{Folded, fold_to_string};
pub use hash::content_hash;
pub use letters::Letters;
pub use pinyin::{SoundNumbers, readings};
pub use shape::{Shape, shape};
pub use table::{Kind, is_digit, is_emoji, is_han, is_latin, is_separator, is_word, kind};
pub use view::View;

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
