//! What matching means, written a second time and as plainly as can be, to test the matcher against.

use proptest::prelude::*;

use super::automaton::{Automaton, Bytes};
use super::compile::{Variant, compile};
use super::engine::{Budget, Candidates, Engine};
use super::lists::Term;
use super::pattern::{RunsBuffer, is_break};
use super::syntax::{Group, Wishes};
use super::{Bounds, BuildOptions, Hits, Lists, Matcher, Scratch, Source};
use crate::signal::{Field, Span};
use crate::text::{Folded, is_digit, is_latin, is_word};

/// A letter of a text: its unit, and the separators before it.
#[derive(Clone, Debug)]
struct Letter {
    unit: u32,
    before: Vec<u32>,
    /// Its place among the folded units.
    at: usize,
}

fn letters(folded: &Folded) -> Vec<Letter> {
    let (mut letters, mut before): (Vec<Letter>, _) = (Vec::new(), Vec::new());
    for (at, &unit) in folded.units().iter().enumerate() {
        if is_word(unit) {
            letters.push(Letter { unit, before: std::mem::take(&mut before), at });
        } else {
            before.push(unit);
        }
    }
    letters
}

fn fold(text: &str) -> Folded {
    let mut folded = Folded::default();
    folded.fold(text);
    folded
}

/// Latin beside Latin, a digit beside a digit: one word goes on.
fn continues(left: u32, right: u32) -> bool {
    is_latin(left) && is_latin(right) && is_digit(left) == is_digit(right)
}

/// Lengths of the runs of letters.
fn runs(letters: &[Letter]) -> Vec<(u32, usize)> {
    letters.chunk_by(|a, b| a.unit == b.unit).map(|run| (run[0].unit, run.len())).collect()
}

fn is_repetition(unit: u32, own: usize, found: usize) -> bool {
    let is_exact = found == own;
    if is_digit(unit) {
        is_exact
    } else if is_latin(unit) {
        is_exact || (found > own && found > 2)
    } else {
        found >= own
    }
}

/// Whether these runs of a text repeat those of a word.
fn repeats(word: &[Letter], text: &[Letter]) -> bool {
    let (word, text) = (runs(word), runs(text));
    word.len() == text.len()
        && word.iter().zip(&text).all(|(own, found)| own.0 == found.0 && is_repetition(own.0, own.1, found.1))
}

fn has_boundaries(text: &[Letter], start: usize, end: usize) -> bool {
    let joined = |right: usize| {
        right > 0
            && right < text.len()
            && text[right].before.is_empty()
            && continues(text[right - 1].unit, text[right].unit)
    };
    !joined(start) && !joined(end)
}

/// Whether the separators inside an occurrence may be there. `word` says which the word has itself.
fn spacing_fits(word: &[Letter], text: &[Letter]) -> bool {
    let gaps: Vec<_> = text[1..].iter().map(|letter| &letter.before).collect();
    let ends_phrase = |gap: &Vec<u32>| {
        gap.iter().any(|&unit| is_break(unit)) || gap.iter().filter(|&&unit| unit == u32::from('.')).count() > 1
    };
    let is_broken = gaps.iter().any(|gap| ends_phrase(gap));
    let is_spelled = !gaps.is_empty() && gaps.iter().all(|gap| !gap.is_empty());
    if gaps.iter().any(|gap| gap.len() > 8) {
        return false;
    }
    if is_spelled && (!is_broken || text.len() >= 3) {
        return true;
    }
    !is_broken && (1..text.len()).all(|at| gap_fits(word, text, at))
}

/// Whether the separators before the letter at `at` are such as the word has there.
fn gap_fits(word: &[Letter], text: &[Letter], at: usize) -> bool {
    if !continues(text[at - 1].unit, text[at].unit) {
        return true;
    }
    let run = runs(&text[..=at]).len() - 1;
    let is_first = text[at].unit != text[at - 1].unit;
    let place = runs(word)[..run].iter().map(|(_, count)| count).sum::<usize>();
    let own = runs(word)[run].1;
    if is_first {
        return text[at].before.is_empty() == word[place].before.is_empty();
    }
    let has_own = word[place + 1..place + own].iter().any(|letter| !letter.before.is_empty());
    has_own || text[at].before.is_empty()
}

/// All occurrences of a word in a text, as ranges of letters.
fn occurrences(word: &str, is_inside: bool, text: &[Letter]) -> Vec<(usize, usize)> {
    let word = letters(&fold(word));
    let is_one_run = runs(&word).len() == 1;
    let run_of = |at: usize| runs(&text[..=at]).len();
    let mut found: Vec<(usize, (usize, usize))> = Vec::new();
    let mut shortest: Vec<(usize, usize)> = Vec::new();
    for start in 0..text.len() {
        let fits = |&end: &usize| repeats(&word, &text[start..end]) && (is_inside || has_boundaries(text, start, end));
        shortest.extend((start + 1..=text.len()).find(fits).map(|end| (start, end)));
    }
    if !is_one_run {
        // The shortest from each run is the one that starts last in it.
        let mut of_run: Vec<(usize, usize)> = Vec::new();
        for range in shortest {
            match of_run.last_mut() {
                Some(last) if run_of(last.0) == run_of(range.0) => *last = range,
                _ => of_run.push(range),
            }
        }
        shortest = of_run;
    }
    for range in shortest {
        if spacing_fits(&word, &text[range.0..range.1]) && found.last().is_none_or(|last| last.0 != run_of(range.0)) {
            found.push((run_of(range.0), range));
        }
    }
    found.into_iter().map(|(_, range)| range).collect()
}

/// A text with what the oracle needs of it.
struct Text {
    field: Field,
    folded: Folded,
    letters: Vec<Letter>,
}

impl Text {
    fn span(&self, (start, end): (usize, usize)) -> Span {
        let bytes = self.folded.span(self.letters[start].at..self.letters[end - 1].at + 1);
        Span { field: self.field, start: bytes.start as u32, end: bytes.end as u32 }
    }
}

/// An occurrence with its text, its letters and its span.
type Place = (usize, (usize, usize), Span);

fn places(word: &str, wishes: Wishes, texts: &[Text]) -> Vec<Place> {
    let of_text = |(index, text): (usize, &Text)| {
        let found = occurrences(word, wishes.has(Wishes::INSIDE), &text.letters);
        found.into_iter().map(|range| (index, range, text.span(range))).collect::<Vec<_>>()
    };
    texts.iter().enumerate().flat_map(of_text).collect()
}

fn is_near(a: &Place, b: &Place, distance: usize) -> bool {
    let (first, second) = if a.1.0 <= b.1.0 { (a.1, b.1) } else { (b.1, a.1) };
    a.0 == b.0 && second.0 >= first.1 && second.0 - first.1 <= distance
}

/// Whether some occurrences of the group's words are near one another in a row.
fn holds(group: &Group, term: &Term, texts: &[Text], excepted: &[Span]) -> bool {
    let of = |text: &str| {
        let places = places(text, term.wishes, texts).into_iter();
        places.filter(|place| !is_excepted(&place.2, excepted)).collect::<Vec<_>>()
    };
    let mut level = of(&group.first.text);
    for (distance, atom) in &group.rest {
        let next = of(&atom.text).into_iter();
        level = next.filter(|b| level.iter().any(|a| is_near(a, b, usize::from(*distance)))).collect();
    }
    !level.is_empty()
}

fn is_excepted(span: &Span, excepted: &[Span]) -> bool {
    excepted.iter().any(|e| e.field == span.field && e.start <= span.start && span.end <= e.end)
}

/// Every hit: list, term and, for a plain term, its span.
fn hits(lists: &Lists, texts: &[Text]) -> Vec<(u16, u32, Option<Span>)> {
    let mut hits = Vec::new();
    for (list_id, list) in lists.lists.iter().enumerate() {
        let spans =
            |term: &Term| places(&term.expr.0[0].first.text, term.wishes, texts).into_iter().map(|place| place.2);
        let excepted: Vec<Span> = list.exceptions.iter().flat_map(spans).collect();
        for (term_id, term) in list.terms.iter().enumerate() {
            let id = (list_id as u16, term_id as u32);
            if term.expr.plain().is_some() {
                hits.extend(
                    spans(term).filter(|span| !is_excepted(span, &excepted)).map(|span| (id.0, id.1, Some(span))),
                );
            } else if term.expr.0.iter().all(|group| holds(group, term, texts, &excepted) != group.is_negated) {
                hits.push((id.0, id.1, None));
            }
        }
    }
    hits.sort_unstable();
    hits.dedup();
    hits
}

/// Checks one set of lists against one event.
pub(super) fn check(lists: &[String], texts: &[String], seed: u64) {
    let sources: Vec<_> =
        ["a.txt", "b.txt"].iter().zip(lists).map(|(&file, text)| Source { file: file.into(), text }).collect();
    let (lists, _) = Lists::parse(&sources, &Bounds::default());
    let (matcher, _) = Matcher::build(&lists, &BuildOptions { seed, ..BuildOptions::default() });
    let (mut scratch, mut found) = (Scratch::default(), Hits::default());
    let fields = [Field::Text, Field::Title];
    let texts: Vec<Text> = fields
        .into_iter()
        .zip(texts)
        .map(|(field, text)| {
            let folded = fold(text);
            matcher.scan(field, &folded, &mut scratch);
            Text { field, letters: letters(&folded), folded }
        })
        .collect();
    matcher.finish(&mut scratch, &mut found);
    assert!(!found.is_truncated());
    let is_plain = |list: u16, term: u32| lists.lists[usize::from(list)].terms[term as usize].expr.plain().is_some();
    let shown = found.all().iter().map(|hit| {
        let span = is_plain(hit.list.0, hit.term).then(|| found.spans(hit)[0]);
        (hit.list.0, hit.term, span)
    });
    assert_eq!(shown.collect::<Vec<_>>(), hits(&lists, &texts));
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab]{2,5}",
        "[甲乙丙]{1,4}",
        "[12]{2,4}",
        "[ab]{1,3} [ab]{1,2}",
        "[甲a1]{2,4}",
        "[甲乙丙丁]{4,9}",
        "甲[ab]{1,2}"
    ]
}

fn line() -> impl Strategy<Value = String> {
    let inside = prop_oneof![4 => Just(""), 1 => Just("\t+inside")];
    let term = prop_oneof![
        6 => word(),
        1 => (word(), word()).prop_map(|(a, b)| format!("{a}+{b}")),
        1 => (word(), word(), word()).prop_map(|(a, b, c)| format!("{a}+{b}-{c}")),
        1 => (word(), 0..6, word()).prop_map(|(a, n, b)| format!("{a}~{n}~{b}")),
        1 => (word(), 0..4, word(), 0..4, word()).prop_map(|(a, n, b, m, c)| format!("{a}~{n}~{b}~{m}~{c}")),
        1 => (word(), word(), 0..6, word()).prop_map(|(a, b, n, c)| format!("{a}-{b}~{n}~{c}")),
        1 => word().prop_map(|a| format!("!{a}")),
    ];
    (term, inside).prop_map(|(term, inside)| format!("{term}{inside}"))
}

fn list() -> impl Strategy<Value = String> {
    prop::collection::vec(line(), 1..25).prop_map(|lines| lines.join("\n"))
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![8 => "[ab]{1,4}", 8 => "[甲乙丙丁]{1,6}", 3 => "[12]{1,3}", 4 => "[ *]{1,2}", 2 => "[,.]{1,2}", 1 => "\\*{7,10}", 2 => "([ab甲1] ){2,6}"];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_matcher_finds_what_matching_means(
        lists in prop::collection::vec(list(), 1..=2),
        texts in prop::collection::vec(text(), 1..=2),
        seed in any::<u64>(),
    ) {
        check(&lists, &texts, seed);
    }

    /// Over so small an alphabet, windows are crowded and keys are prefixes, suffixes and parts of one another.
    #[test]
    fn the_engine_finds_what_the_automaton_finds(
        terms in prop::collection::vec("[甲乙丙]{1,12}", 1..200),
        text in "[甲乙丙丁]{0,120}",
        seed in any::<u64>(),
    ) {
        let list = terms.join("\n");
        let (lists, _) = Lists::parse(&[Source { file: "a.txt".into(), text: &list }], &Bounds::default());
        let words = compile(&lists, &BuildOptions::default()).0.words;
        let engine = Engine::new(&words, seed);
        let folded = fold(&text);
        let (mut budget, mut candidates, mut buffer) = (Budget::default(), Candidates::default(), RunsBuffer::default());
        prop_assert!(engine.find(&words, &folded, &mut candidates, &mut budget));
        let mut found = candidates.found;
        let view = buffer.view(&folded, false);
        let mut expected = Vec::new();
        let automaton = Automaton::new(words.keys.iter()).expect("few keys");
        automaton.find(folded.runs(), &mut Bytes::default(), |key, at| {
            let place = (key as u32, at.start as u32);
            let fits = |variant: &Variant| {
                view.fit(at.start, at.len(), words.steps(*variant, at.len()), variant.is_inside).is_some()
            };
            // The engine leaves out a key of one run where its letter stands once and none of its words can occur.
            let is_left_out = at.len() == 1 && !found.contains(&place) && !words.variants(key).iter().any(fits);
            expected.extend((!is_left_out).then_some(place));
            true
        });
        found.sort_unstable();
        found.dedup();
        expected.sort_unstable();
        prop_assert_eq!(found, expected);
    }
}

/// What people and attackers type: operators, attributes, scripts, things that fold to several units or to nothing.
fn anything() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[甲乙强微信ab1 ]{1,4}",
        2 => "[+~!@#\\\\\t-]",
        1 => "~[0-9]{1,3}~",
        1 => "\t\\+(pinyin|initials|homophone|split|leet|digits|inside)",
        2 => "\\PC{1,3}",
        1 => "[①⒑㍿ﬃ\u{200b}\u{301}🇨🇳👨‍👩‍👧ß]{1,3}",
        1 => Just("\n".to_owned()),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// The body of the fuzz target `word_list`, on inputs that look more like lists.
    #[test]
    fn any_list_is_read_and_every_hit_is_a_slice_of_the_text(list in anything(), text in anything()) {
        let (lists, problems) = Lists::parse(&[Source { file: "a.txt".into(), text: &list }], &Bounds::default());
        for problem in &problems {
            let line = list.lines().nth(problem.line as usize - 1).expect("a problem stands in a line");
            prop_assert!(problem.column as usize + problem.length as usize <= line.chars().count() + 2, "{}", problem);
        }
        let options = BuildOptions { expansions_per_term_max: 16, ..BuildOptions::default() };
        let matcher = Matcher::build(&lists, &options).0;
        let (mut scratch, mut hits) = (Scratch::default(), Hits::default());
        for text in [&text, &list] {
            matcher.scan(Field::Text, &fold(text), &mut scratch);
            matcher.finish(&mut scratch, &mut hits);
            for span in hits.all().iter().flat_map(|hit| hits.spans(hit)) {
                prop_assert!(text.get(span.range()).is_some_and(|slice| !slice.is_empty()));
            }
        }
    }
}
