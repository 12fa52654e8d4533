//! Any library is read or its mistakes are told; any message is then compared with it, and what it repeats is a slice of it.
//!
//! The input is a library in JSON lines and, after the first NUL, a message.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::claims::{Context, MatchOptions, MatchScratch, Matcher, Purpose, merge, read_lines};
use tidegate::text::Folded;

fuzz_target!(|input: &str| {
    let (library, text) = input.split_once('\0').unwrap_or((input, input));
    let (claims, problems) = read_lines(&"fuzz.jsonl".into(), library, Purpose::Act);
    let lines = library.lines().count();
    assert!(problems.iter().all(|problem| (1..=lines).contains(&(problem.line as usize))));
    let matcher = Matcher::new(merge(claims), &MatchOptions::default());
    let (mut folded, mut scratch, mut found) = (Folded::default(), MatchScratch::default(), Vec::new());
    folded.fold(text);
    let best = matcher.find((text, &folded), &Context { day: None, region: None }, &mut scratch, &mut found);
    for one in best.iter() {
        assert!(!text[one.span.clone()].is_empty());
        assert!(!one.act || matcher.claims()[one.claim].may_act(None));
    }
});
