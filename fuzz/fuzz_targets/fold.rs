//! Any text folds, folds to a fixed point, and leads back to slices of itself; whatever is read off the fold stays in bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::text::{Folded, View, content_hash, fold_to_string, shape};

fuzz_target!(|text: &str| {
    let mut folded = Folded::default();
    folded.fold(text);
    check_spans(text, &folded);
    let once = fold_to_string(text);
    assert_eq!(fold_to_string(&once), once);

    let mut view = View::default();
    view.pinyin(&folded);
    check_view(text, &folded, &view);
    for build in [View::strip, View::squeeze] {
        assert_eq!(build(&mut view, &folded), !view.units().is_empty());
        check_view(text, &folded, &view);
    }

    let counts = shape(text, &folded);
    assert!(counts.chars <= text.chars().count() && counts.repeat_max <= folded.units().len());
    let _ = content_hash(&folded, text.len() as u64);
});

fn check_spans(text: &str, folded: &Folded) {
    let mut before = 0..0;
    for at in 0..folded.units().len() {
        let span = folded.span(at..at + 1);
        assert!(!text[span.clone()].is_empty());
        assert!(span == before || span.start >= before.end);
        before = span;
    }
}

fn check_view(text: &str, folded: &Folded, view: &View) {
    for at in 0..view.units().len() {
        let units = view.folded_range(0..at + 1);
        assert!(!text[folded.span(units)].is_empty());
    }
}
