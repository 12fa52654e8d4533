//! The fold and what is read off it, beside the libraries that do a part of it.
//!
//! `cargo bench --bench fold -- messages.jsonl`

mod harness;

use harness::{describe, measure};
use icu_normalizer::ComposingNormalizer;
use tidegate::text::{Folded, View, content_hash, shape};
use unicode_normalization::UnicodeNormalization;

fn main() {
    let messages = harness::messages();
    describe(&messages);
    let mut folded = Folded::default();
    let mut view = View::default();

    measure("floor: decode the characters", &messages, |text| text.chars().map(u32::from).fold(0, u32::wrapping_add));
    measure("fold", &messages, |text| folded.fold(text));
    measure("fold + shape", &messages, |text| {
        folded.fold(text);
        shape(text, &folded)
    });
    measure("fold + content hash", &messages, |text| {
        folded.fold(text);
        content_hash(&folded, 1)
    });
    measure("fold + strip", &messages, |text| {
        folded.fold(text);
        view.strip(&folded)
    });
    measure("fold + squeeze", &messages, |text| {
        folded.fold(text);
        view.squeeze(&folded)
    });
    measure("fold + pinyin", &messages, |text| {
        folded.fold(text);
        view.pinyin(&folded);
    });

    let nfkc = ComposingNormalizer::new_nfkc();
    let mut normalized = String::new();
    measure("rival: icu_normalizer NFKC", &messages, |text| {
        normalized.clear();
        nfkc.normalize_to(text, &mut normalized)
    });
    measure("rival: unicode-normalization NFKC", &messages, |text| {
        normalized.clear();
        normalized.extend(text.nfkc());
    });
    measure("rival: str::to_lowercase", &messages, str::to_lowercase);

    let share = |is_of: &mut dyn FnMut(&str) -> bool| {
        let hits = messages.iter().filter(|text| is_of(text)).count();
        100.0 * hits as f64 / messages.len().max(1) as f64
    };
    let stripped = share(&mut |text| {
        folded.fold(text);
        view.strip(&folded)
    });
    let squeezed = share(&mut |text| {
        folded.fold(text);
        view.squeeze(&folded)
    });
    println!("messages with a stripped view {stripped:.1} %, with a squeezed view {squeezed:.1} %");
}
