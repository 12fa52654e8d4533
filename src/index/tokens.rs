//! How texts are cut for the index: into letters, so that any phrase is found wherever words begin, and into words.

use std::sync::Arc;

use super::days::Words as Cutter;
use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer, TokenizerManager};

/// The cutting of [`Letters`], by its name in the schema.
pub(super) const LETTERS: &str = "letters";
/// The cutting of [`Words`], by its name in the schema.
pub(super) const WORDS: &str = "words";
/// A token longer than this is cut off: nobody searches for it, and one text must not blow up the dictionary.
const TOKEN_BYTES_MAX: usize = 64;

/// Both, for an index.
pub(super) fn tokenizers(jieba: &Arc<Cutter>) -> TokenizerManager {
    let manager = TokenizerManager::default();
    manager.register(LETTERS, TextAnalyzer::from(Letters));
    manager.register(WORDS, TextAnalyzer::from(Words { jieba: Arc::clone(jieba) }));
    manager
}

/// Each character of a script without spaces is a token; so is each run of other letters and digits. What is neither is
/// passed over, so a phrase is found through what stands between its letters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letters;

/// Words of a dictionary and of the spaces between them.
#[derive(Clone)]
pub(super) struct Words {
    jieba: Arc<Cutter>,
}

/// Tokens of a text one after the other, in a buffer that is used again.
pub(super) struct Cut<'a, R> {
    text: &'a str,
    ranges: R,
    token: Token,
}

impl<'a, R: Iterator<Item = (usize, usize)>> Cut<'a, R> {
    fn new(text: &'a str, ranges: R) -> Self {
        Self { text, ranges, token: Token::default() }
    }
}

impl<R: Iterator<Item = (usize, usize)>> TokenStream for Cut<'_, R> {
    fn advance(&mut self) -> bool {
        let Some((from, to)) = self.ranges.next() else { return false };
        let token = &mut self.token;
        token.position = token.position.wrapping_add(1);
        (token.offset_from, token.offset_to) = (from, to);
        token.text.clear();
        token.text.push_str(whole(&self.text[from..to], TOKEN_BYTES_MAX));
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

type Ranges<'a> = Box<dyn Iterator<Item = (usize, usize)> + 'a>;

impl Tokenizer for Letters {
    type TokenStream<'a> = Cut<'a, Ranges<'a>>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Self::TokenStream<'a> {
        Cut::new(text, Box::new(letters(text)))
    }
}

impl Tokenizer for Words {
    type TokenStream<'a> = Cut<'a, Ranges<'a>>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Self::TokenStream<'a> {
        let words = self.jieba.cut(text, false).into_iter();
        let is_word = |token: &jieba_rs::Token<'_>| token.word.chars().any(char::is_alphanumeric);
        Cut::new(text, Box::new(words.filter(is_word).map(|token| (token.byte_start, token.byte_end))))
    }
}

/// The characters of a text that are whole within so many bytes.
pub(super) fn whole(text: &str, bytes_max: usize) -> &str {
    let end = (0..=text.len().min(bytes_max)).rfind(|&at| text.is_char_boundary(at));
    &text[..end.unwrap_or(0)]
}

/// The byte ranges of the tokens of a text, as [`Letters`] cuts it.
pub(super) fn letters(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut chars = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let (from, first) = chars.find(|(_, c)| c.is_alphanumeric())?;
        let mut to = from + first.len_utf8();
        if is_alone(first) {
            return Some((from, to));
        }
        while let Some(&(at, c)) = chars.peek() {
            if !c.is_alphanumeric() || is_alone(c) {
                break;
            }
            to = at + c.len_utf8();
            chars.next();
        }
        Some((from, to))
    })
}

/// Whether the character is a token by itself: of a script that is written without spaces.
fn is_alone(c: char) -> bool {
    matches!(c,
        '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{0E00}'..='\u{0E7F}' | '\u{AC00}'..='\u{D7AF}' | '\u{20000}'..='\u{323AF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_spaceless_scripts_stand_alone_and_other_runs_together() {
        let cut = |text: &'static str| letters(text).map(|(from, to)| &text[from..to]).collect::<Vec<_>>();
        assert_eq!(cut("加 v信123,ok了"), ["加", "v", "信", "123", "ok", "了"]);
        assert_eq!(cut("…!"), [""; 0]);
    }

    #[test]
    fn a_token_is_never_longer_than_its_bound() {
        let text = "é".repeat(200);
        let mut stream = Cut::new(&text, letters(&text));
        assert!(stream.advance() && stream.token().text.len() <= TOKEN_BYTES_MAX);
    }
}
