//! What holds for any library and any message.

use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::text::Folded;

fn day() -> impl Strategy<Value = Option<Day>> {
    let date = (1990..2030_i32, 1..13_u8, 1..29_u8);
    proptest::option::of(
        date.prop_map(|(year, month, day)| Day::parse(&format!("{year}-{month:02}-{day:02}")).expect("it is one")),
    )
}

/// Text as it is kept: no blanks at its ends.
fn words() -> impl Strategy<Value = Box<str>> {
    "[a-z虾维生素中毒谣言0-9\"\\\\,\n]{0,12}".prop_map(|text| text.trim().into())
}

fn some_words() -> impl Strategy<Value = Box<str>> {
    "[a-z吃大蒜治流感]{1,20}".prop_map(Into::into)
}

prop_compose! {
    fn claim()(
        (id, claim, title) in (some_words(), some_words(), words()),
        variants in proptest::collection::vec((some_words(), words(), day()), 0..3),
        // Without words of its own, a verdict is read as its own rating.
        (rating, authority, url) in (some_words(), some_words(), some_words()),
        (published, claim_date, valid_from, valid_until) in (day(), day(), day(), day()),
        (verdict, tier, status) in (0..Verdict::ALL.len(), 0..Tier::ALL.len(), 0..Status::ALL.len()),
        (region, topic, revision) in (words(), words(), any::<u32>()),
    ) -> Claim {
        let variants = variants.into_iter().map(|(text, added_by, date)| Variant { text, added_by, date }).collect();
        let (verdict, tier, status) = (Verdict::ALL[verdict], Tier::ALL[tier], Status::ALL[status]);
        Claim {
            id, claim, title, variants, verdict, rating, authority, tier, url, published, claim_date, valid_from, valid_until, region,
            topic, status, revision,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(claims in proptest::collection::vec(claim(), 0..6)) {
        let (read, problems) = read_lines(&Arc::from("x"), &to_lines(&claims), Purpose::Match);
        prop_assert!(problems.is_empty(), "{problems:?}");
        prop_assert_eq!(read, claims);
    }

    #[test]
    fn any_lines_are_read_or_told(lines in "(\\{\"id\":\"[ab]\",\"claim\":\"[a-z大蒜]{0,9}\"[^\n]{0,20}\n|[^\n]{0,30}\n){0,5}") {
        let (claims, problems) = read_lines(&Arc::from("x"), &lines, Purpose::Act);
        let rows = lines.lines().filter(|line| !line.trim().is_empty()).count();
        prop_assert_eq!(claims.len() + problems.len(), rows);
        prop_assert!(problems.iter().all(|problem| (1..=lines.lines().count()).contains(&(problem.line as usize))));
    }

    /// Spans are slices of the message, what acts may act, and nothing depends on what was looked for before.
    #[test]
    fn any_message_is_matched(
        claims in proptest::collection::vec(claim(), 1..8),
        picks in proptest::collection::vec((0..8_usize, "\\PC{0,8}"), 1..6),
        on in day(),
    ) {
        let library = merge(claims);
        let matcher = Matcher::new(library.clone(), &MatchOptions::default());
        let mut text = String::new();
        for (pick, between) in &picks {
            let _ = write!(text, "{between}{}", library[pick % library.len()].claim);
        }
        let context = Context { day: on, region: None };
        let find = |scratch: &mut MatchScratch| {
            let (mut folded, mut found) = (Folded::default(), Vec::new());
            folded.fold(&text);
            let best = matcher.find((&text, &folded), &context, scratch, &mut found);
            (best, found)
        };
        let mut used = MatchScratch::default();
        let first = find(&mut used);
        prop_assert_eq!(&first, &find(&mut used));
        prop_assert_eq!(&first, &find(&mut MatchScratch::default()));
        for found in first.1.iter().chain(&first.0) {
            let claim = &library[found.claim];
            prop_assert!(text.get(found.span.clone()).is_some_and(|slice| !slice.is_empty()));
            prop_assert!((0.0..=1.0).contains(&found.score));
            prop_assert!(claim.status != Status::Retracted);
            prop_assert!(!found.act || (found.stance == Stance::Asserting && claim.may_act(on)));
        }
        prop_assert!(first.1.iter().filter(|found| found.act).count() <= 1);
    }
}
