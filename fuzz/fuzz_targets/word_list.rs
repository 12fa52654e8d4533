//! Any word list is read or its mistakes are told; any text is then searched, and every hit is a slice of it.
//!
//! The input is a list and, after the first NUL, a text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::keywords::{Bounds, BuildOptions, Hits, Lists, Matcher, Scratch, Source};
use tidegate::signal::Field;
use tidegate::text::Folded;

fuzz_target!(|input: &str| {
    let (list, text) = input.split_once('\0').unwrap_or((input, input));
    let (lists, problems) = Lists::parse(&[Source { file: "fuzz.txt".into(), text: list }], &Bounds::default());
    for problem in &problems {
        let line = list.lines().nth((problem.line as usize).saturating_sub(1)).unwrap_or_default();
        assert!(problem.column as usize <= line.chars().count() + 1, "{problem}");
    }
    let options = BuildOptions { expansions_per_term_max: 32, ..BuildOptions::default() };
    let (matcher, _) = Matcher::build(&lists, &options);
    let (mut scratch, mut hits, mut folded) = (Scratch::default(), Hits::default(), Folded::default());
    folded.fold(text);
    matcher.scan(Field::Text, &folded, &mut scratch);
    matcher.finish(&mut scratch, &mut hits);
    for hit in hits.all() {
        let spans = hits.spans(hit);
        assert!(!spans.is_empty());
        assert!(spans.iter().all(|span| !text[span.range()].is_empty()));
        assert!((hit.term as usize) < matcher.lists()[hit.list.index()].terms.len());
    }
});
