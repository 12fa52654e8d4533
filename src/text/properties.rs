//! What holds of any text.

use proptest::prelude::*;

use super::*;

/// Any characters, and more often than chance those that the fold treats in a way of their own.
fn texts() -> impl Strategy<Value = String> {
    let common = prop::sample::select(
        "赌博赌赌賭博网站 加薇信aAbB.@#:/-_ 　0１２३①⑩⒈㈱ﷺ🇨🇳🇫🇺👨👩👍🏽❤\u{200B}\u{200D}\u{FE0F}\u{301}\u{3099}\u{AD}\0\r\n\
         かカｶﾞ\u{1112}\u{1161}\u{11AB}한글한กำิ्किाোোآا\u{653}\u{654}ßİıﬁК\u{338}́𝒳🄰ᴀ弓虽行重"
            .chars()
            .collect::<Vec<_>>(),
    );
    let any = prop_oneof![4 => common, 2 => any::<char>(), 1 => prop::char::range('\u{80}', '\u{FFFF}')];
    prop::collection::vec(any, 0..40).prop_map(|chars| chars.into_iter().collect())
}

fn fold(text: &str) -> Folded {
    let mut folded = Folded::default();
    folded.fold(text);
    folded
}

fn to_string(units: &[u32]) -> String {
    units.iter().map(|&unit| char::from_u32(unit).expect("units are scalar values")).collect()
}

fn squeezed(mut units: Vec<u32>) -> Vec<u32> {
    units.dedup_by(|a, b| a == b && !is_digit(*a));
    units
}

/// Every view that this text has.
fn views(folded: &Folded) -> Vec<View> {
    let mut views = vec![View::default(); 3];
    views[0].strip(folded);
    views[1].squeeze(folded);
    views[2].pinyin(folded);
    views
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn spans_are_slices_of_the_text_and_in_order(text in texts()) {
        let folded = fold(&text);
        let units = folded.units().len();
        let mut before = 0..0;
        for at in 0..units {
            let span = folded.span(at..at + 1);
            prop_assert!(text.get(span.clone()).is_some_and(|source| !source.is_empty()));
            prop_assert!(span.start >= before.start && span.end >= before.end);
            prop_assert!(span == before || span.start >= before.end);
            prop_assert_eq!(folded.span(0..at + 1), folded.span(0..1).start..span.end);
            before = span;
        }
        prop_assert!(units == 0 || folded.span(0..units).end == text.len());
        prop_assert_eq!(folded.kinds().len(), units);
    }

    #[test]
    fn a_span_says_what_its_units_say(text in texts()) {
        let folded = fold(&text);
        for at in 0..folded.units().len() {
            let span = folded.span(at..at + 1);
            let is_regional = |unit: &u32| (0x1F1E6..=0x1F1FF).contains(unit);
            let source = fold(&text[span]);
            let unit = folded.units()[at];
            // A regional indicator is read with its neighbours.
            prop_assert!(is_regional(&unit) || source.units().contains(&unit));
        }
    }

    #[test]
    fn runs_are_the_letters_each_repetition_once(text in texts()) {
        let folded = fold(&text);
        let kinds = folded.kinds().iter();
        let mut letters: Vec<u32> =
            folded.units().iter().zip(kinds).filter(|(_, kind)| kind.is(Kind::WORD)).map(|(&unit, _)| unit).collect();
        prop_assert_eq!(folded.letters(), letters.len());
        letters.dedup();
        prop_assert_eq!(folded.runs(), letters);
    }

    #[test]
    fn folding_what_was_folded_changes_nothing(text in texts()) {
        let once = fold_to_string(&text);
        prop_assert_eq!(fold_to_string(&once), once);
    }

    #[test]
    fn buffers_are_replaced(first in texts(), second in texts()) {
        let mut folded = fold(&first);
        folded.fold(&second);
        let fresh = fold(&second);
        prop_assert_eq!(folded.units(), fresh.units());
        prop_assert_eq!(folded.kinds(), fresh.kinds());
        prop_assert_eq!(shape(&second, &folded), shape(&second, &fresh));
    }

    #[test]
    fn kinds_are_those_of_the_units(text in texts()) {
        let folded = fold(&text);
        let seen = folded.kinds().iter().fold(Kind::NONE, |seen, &kind| seen.with(kind));
        prop_assert_eq!(folded.seen().without(Kind::EMOJI), seen.without(Kind::EMOJI));
        for (&unit, found) in folded.units().iter().zip(folded.kinds()) {
            prop_assert_eq!(found.without(Kind::UPPER), kind(unit));
        }
    }

    #[test]
    fn views_keep_the_word_units_in_order(text in texts()) {
        let folded = fold(&text);
        let words: Vec<u32> = folded.units().iter().copied().filter(|&unit| is_word(unit)).collect();
        let mut view = View::default();
        if view.strip(&folded) {
            let kept: Vec<u32> = view.units().iter().copied().filter(|&unit| unit != 0x20).collect();
            prop_assert_eq!(&kept, &words);
        }
        if view.squeeze(&folded) {
            let is_repeated = |pair: &[u32]| pair[0] == pair[1] && !is_digit(pair[0]);
            prop_assert!(!view.units().windows(2).any(is_repeated));
            let kept = view.units().iter().copied().filter(|&unit| unit != 0x20).collect();
            prop_assert_eq!(squeezed(kept), squeezed(words));
        }
    }

    #[test]
    fn views_map_back_to_where_their_units_came_from(text in texts()) {
        let folded = fold(&text);
        for view in views(&folded) {
            let mut before = 0;
            for at in 0..view.units().len() {
                let range = view.folded_range(at..at + 1);
                prop_assert!(range.len() == 1 && range.end <= folded.units().len() && range.start >= before);
                let (unit, source) = (view.units()[at], folded.units()[range.start]);
                let is_sound = is_han(source) && unit < 0x80;
                prop_assert!(unit == source || unit == 0x20 && is_separator(source) || is_sound);
                prop_assert_eq!(view.folded_range(0..at + 1), view.folded_range(0..1).start..range.end);
                before = range.start;
            }
        }
    }

    #[test]
    fn the_hash_is_of_words_and_of_the_seed(text in texts()) {
        let folded = fold(&text);
        let words: String = to_string(folded.units()).chars().filter(|&c| is_word(c as u32)).collect();
        prop_assume!(!words.is_empty() && fold_to_string(&words) == words);
        prop_assert_eq!(content_hash(&folded, 1), content_hash(&fold(&words), 1));
        prop_assert_ne!(content_hash(&folded, 1), content_hash(&folded, 2));
        prop_assert_ne!(content_hash(&folded, 1), content_hash(&fold(&format!("{text}x")), 1));
    }

    #[test]
    fn shapes_are_within_their_bounds(text in texts()) {
        let folded = fold(&text);
        let shape = shape(&text, &folded);
        for share in [shape.han_share, shape.latin_share, shape.upper_share, shape.spaced_share] {
            prop_assert!((0.0..=1.0).contains(&share));
        }
        prop_assert!(shape.chars + shape.invisible <= text.chars().count());
        prop_assert!(shape.repeat_max <= folded.units().len() && shape.digits_run <= folded.units().len());
    }
}
