//! Tests: every mistake in rule files, where it is found and what is said about it.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::decision::{ActionKind, Scope};
use crate::event::Channel;
use crate::problem::{Problem, Severity};
use crate::signal::Value;

use super::cel::check;
use super::oracle::catalogue;
use super::{Expect, Rulebook, SourceFile, Status};

fn read(text: &str) -> (Rulebook, Vec<Problem>) {
    Rulebook::read(&[SourceFile::new("r.yaml", text)], &[], &catalogue())
}

/// The places, messages and hints of all problems of a file.
fn problems(text: &str) -> Vec<(u32, u32, u32, String, String)> {
    let told = |p: Problem| (p.line, p.column, p.length, p.message, p.hint.unwrap_or_default());
    read(text).1.into_iter().map(told).collect()
}

/// A file of one rule in shadow with that condition, from the fifth line and column on unless it brings its own style.
fn file_of(when: &str) -> String {
    let style = if when.starts_with(['"', '|', '>']) || when.starts_with("'lang") { "" } else { "|-\n    " };
    format!("- id: a\n  status: shadow\n  do: [{{fold: {{level: 1}}}}]\n  when: {style}{when}\n")
}

/// A file of one rule in shadow with that condition, and the one problem that it has.
fn of_condition(when: &str) -> (u32, u32, u32, String, String) {
    let text = file_of(when);
    let mut problems = problems(&text);
    assert_eq!(problems.len(), 1, "{when}: {problems:#?}");
    problems.remove(0)
}

#[test]
fn ten_mistakes_are_found_in_one_run() {
    let found = problems(include_str!("fixtures/ten_mistakes.yaml"));
    let found: Vec<_> = found.iter().map(|(l, c, n, message, hint)| (*l, *c, *n, &**message, &**hint)).collect();
    let expected = [
        (
            2,
            7,
            18,
            "`fraud.Verification` is not an id",
            "lower-case letters, digits and `_`, joined by dots, such as group.gambling.invite",
        ),
        (8, 21, 1, "`level` of `fold` must be from 1 to 3, not 4", ""),
        (10, 3, 7, "a rule has no key `chanels`", "did you mean `channels`?"),
        (11, 9, 15, "there is no signal `accont.age_days`", "did you mean `account.age_days`?"),
        (13, 22, 8, "`scope` of `limit`: there is no `forwards`", "did you mean `forward`?"),
        (
            13,
            37,
            3,
            "`for` of `limit`: `24x` is not a duration",
            "a whole number and s, m, h or d, such as 90s, 10m, 24h, 30d",
        ),
        (17, 26, 3, "int cannot be compared with string", "write 7 without quotes"),
        (19, 14, 1, "`label` lacks `code`", "For machines."),
        (20, 7, 10, "there are two rules with the id `fraud.fold`", "the first one is in r.yaml, line 5"),
        (21, 34, 5, "there is no word list `fruad`", "did you mean `fraud`?"),
        (24, 10, 42, "this can never be true: no value of `author.posts_1h` fits", "the rule is unreachable"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_mistake_in_a_condition_is_found_at_its_column_however_the_condition_is_written() {
    for when in [
        "lang == 'zh' && accont.x > 1",
        "\"lang == '赌\\u535a' && accont.x > 1\"",
        "'lang == ''赌博'' && accont.x > 1'",
        "lang == 'zh' &&\n    accont.x > 1",
        "|\n    lang == 'zh' &&\n\n      accont.x > 1",
        ">-  # folded\n    lang == '赌' && accont.x > 1",
        "\"lang == 'zh' &&\\\n     accont.x > 1\"",
    ] {
        let text = format!("- id: a\n  status: shadow\n  do: [{{fold: {{level: 1}}}}]\n  when: {when}\n");
        let found = problems(&text).remove(0);
        let before = &text[..text.find("accont").unwrap()];
        let line = before.lines().count() as u32;
        let column = before.lines().last().unwrap().chars().count() as u32 + 1;
        assert_eq!((found.0, found.1, found.2), (line, column, 8), "{when}");
        assert_eq!(found.3, "there is no signal `accont.x`");
    }
}

/// A condition, the part of it that is meant, the message and the hint.
const CONDITIONS: &[(&str, &str, &str, &str)] = &[
    ("lang == '赌' and event.forward", "and", "`and` cannot stand here", "write `&&`"),
    ("lang == '赌' && has(7)", "7", "`has` takes the name of a signal", "such as has(account.age_days)"),
    (
        "words.fraud.count",
        "words.fraud.count",
        "the condition is of type int, not bool",
        "compare it with something, such as `> 0`",
    ),
    (
        "words.fraud.cuont > 0",
        "words.fraud.cuont",
        "there is no signal `words.fraud.cuont`",
        "did you mean `words.fraud.count`?",
    ),
    ("words.nothere.count > 0", "nothere", "there is no word list `nothere`", "make rules/words/nothere.txt"),
    (
        "account == 'x'",
        "account",
        "`account` is a group of signals, not a signal",
        "such as account.age_days, account.verified, account.authority",
    ),
    ("channel.contain('x')", "contain", "there is no function `contain`", "did you mean `contains`?"),
    ("channel.contains(1)", "1", "`contains` takes a string, not int", ""),
    ("contains(channel, 'x')", "contains", "`contains` is called on a string", "write channel.contains(…)"),
    (
        "words.fraud.tags.contains('x')",
        "words.fraud.tags",
        "`contains` looks into strings, not into lists",
        "write 'x' in words.fraud.tags",
    ),
    ("'x' in channel", "'x' in channel", "`in` looks into lists, not into strings", "write channel.contains('x')"),
    (
        "text.chars + text.han_share > 1.0",
        "text.chars + text.han_share",
        "there is no arithmetic on int and double",
        "convert one side with double(…) or int(…)",
    ),
    ("text.chars / 0 > 1", "text.chars / 0", "this divides by zero", ""),
    ("text.chars > 9223372036854775807 + 1", "9223372036854775807 + 1", "this number does not fit into 64 bits", ""),
    ("channel in ['a', 1]", "1", "the list mixes string and int", ""),
    (
        "channel in ['a', lang]",
        "['a', lang]",
        "a list may hold constant strings and numbers only",
        "compare one by one and join with ||",
    ),
    ("channel.matches('(a')", "'(a'", "the pattern is wrong: unclosed group", ""),
    ("channel.matches(lang)", "lang", "the pattern of `matches` must be a constant", ""),
    ("text.chars = 3", "=", "`=` cannot stand here", "compare with `==`"),
    ("event.forward and author.first", "and", "`and` cannot stand here", "write `&&`"),
    ("event.forward & author.first", "&", "`&` cannot stand here", "write `&&`"),
    (
        "words.fraud.tags.map(t, t) == []",
        "words.fraud.tags.map(t, t)",
        "this list macro cannot be used in conditions",
        "of the list macros there are `exists` and `all`",
    ),
    ("words.fraud.tags[0] == 'x'", "words.fraud.tags[0]", "indexing cannot be used in conditions", ""),
    ("lang == null", "null", "null cannot be used in conditions", "whether a signal is known is asked by has(name)"),
    ("event.forward && text.chars", "text.chars", "`&&` takes bool, not int", ""),
    (
        "has(account.age_dys)",
        "account.age_dys",
        "there is no signal `account.age_dys`",
        "did you mean `account.age_days`?",
    ),
    ("words.fraud.tags.exists(t, t > 1)", "1", "string cannot be compared with int", ""),
    (
        "event.forward ? text.chars : true",
        "event.forward ? text.chars : true",
        "the two sides of `:` are int and bool",
        "",
    ),
    ("text.chars > 1u", "1u", "unsigned numbers cannot be used in conditions", ""),
];

#[test]
fn every_mistake_of_a_condition_says_what_and_where() {
    for &(when, part, message, hint) in CONDITIONS {
        let (line, column, length, said, hinted) = of_condition(when);
        let start = when.find(part).unwrap();
        let start =
            if part == "1" || part == "text.chars" || part == "'x'" { when.rfind(part).unwrap() } else { start };
        let wanted = (5, 5 + when[..start].chars().count() as u32, part.chars().count() as u32);
        assert_eq!((line, column, length), wanted, "{when}: {said}");
        assert_eq!((&*said, &*hinted), (message, hint), "{when}");
    }
}

#[test]
fn both_sides_of_a_condition_are_checked() {
    let found = problems(
        "- id: a\n  when: lnag == 'x' || has(event.raech) && 'x' in words.fruad.tags\n  do: [{fold: {level: 1}}]\n",
    );
    assert_eq!(found.iter().map(|p| p.1).collect::<Vec<_>>(), [9, 28, 57], "{found:#?}");
}

#[test]
fn a_condition_that_ends_too_early_is_reported_at_its_end() {
    assert_eq!(of_condition("text.chars >").1, 17);
    assert_eq!(of_condition("(text.chars > 3").1, 20);
    assert_eq!(of_condition("\"\"").3, "the condition is empty");
}

#[test]
fn conditions_that_mean_nothing_are_refused() {
    for never in [
        "text.chars > 5 && text.chars < 3",
        "text.chars > 5 && !(text.chars > 3)",
        "text.chars > 4 && text.chars < 5",
        "text.han_share > 0.5 && text.han_share <= 0.5",
        "channel == 'post' && channel == 'group'",
        "channel == 'post' && channel in ['group', 'ad']",
        "event.forward && !event.forward",
        "!has(account.age_days) && account.age_days < 7",
        "words.fraud.tags.size() < 0",
        "'a' in words.fraud.tags && words.fraud.tags.size() == 0",
        "'a' in words.fraud.tags && !('a' in words.fraud.tags)",
        "(text.chars == 1 || text.chars == 2) && text.chars > 2",
        "lang == 'zh' && (event.forward ? lang == 'en' : lang == 'fr')",
        "1 > 2",
        "false",
        "event.forward && false",
        "channel in []",
    ] {
        assert!(of_condition(never).3.starts_with("this can never be true"), "{never}");
    }
    for always in [
        "true",
        "text.chars > 5 || text.chars <= 5",
        "1 < 2",
        "event.forward || !event.forward",
        "has(account.age_days) || !has(account.age_days)",
    ] {
        assert!(of_condition(always).3.starts_with("this is always true"), "{always}");
    }
    for sound in [
        "text.chars > 3 && text.chars < 5",
        "account.age_days >= 0 || account.age_days < 0",
        "text.han_share >= 0.5 && text.han_share <= 0.5",
        "text.chars != 5",
        "author.posts_10m < author.posts_1h && author.posts_1h < author.posts_10m",
        "words.fraud.tags.exists(t, t == 'a') && words.fraud.tags.all(t, t == 'a')",
    ] {
        assert_eq!(problems(&file_of(sound)), [], "{sound}");
    }
}

#[test]
fn a_live_rule_needs_tests_an_owner_and_an_expiry() {
    let (book, problems) =
        read("- id: a\n  when: event.forward\n  do: [{fold: {level: 1}}]\n  status: live\n  owner: t\n");
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].message, "a live rule must have `tests`, `expires`");
    assert_eq!(problems[0].line, 4);
    assert_eq!(book.rules()[0].status, Status::Draft);
}

#[test]
fn tests_that_expect_one_thing_only_are_warned_about() {
    let (book, problems) = read(
        "- id: a\n  when: event.forward\n  do: [{fold: {level: 1}}]\n  tests:\n    - {text: 1, forward: true, given: {text.chars: 3}, expect: fires}\n",
    );
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].severity, &*problems[0].message), (Severity::Warning, "no test expects `silent`"));
    let test = &book.rules()[0].tests[0];
    assert_eq!((&*test.text, test.forward, test.expect, test.line), ("1", true, Expect::Fires, 5));
}

#[test]
fn one_mistake_costs_one_rule() {
    let (book, problems) = read(
        "- id: a\n  when: nope\n  do: [{fold: {level: 1}}]\n- id: b\n  when: event.forward\n  do: [{fold: {level: 1}}]\n- 7\n",
    );
    assert_eq!(book.rules().iter().map(|rule| &*rule.id).collect::<Vec<_>>(), ["b"]);
    assert_eq!(problems.iter().map(|p| p.line).collect::<Vec<_>>(), [2, 7]);
}

#[test]
fn the_same_id_twice_is_reported_with_the_place_of_the_first() {
    let rule = "- {id: a, when: event.forward, do: [{fold: {level: 1}}]}\n";
    let files = [SourceFile::new("x.yaml", rule), SourceFile::new("y.yaml", rule)];
    let (_, problems) = Rulebook::read(&files, &[], &catalogue());
    assert_eq!(problems.len(), 1);
    assert_eq!(
        (&*problems[0].file, problems[0].hint.as_deref()),
        ("y.yaml", Some("the first one is in x.yaml, line 1"))
    );
}

#[test]
fn a_rule_of_the_site_replaces_the_shipped_one_in_its_place() {
    let rule =
        |id: &str, level: u8| format!("- {{id: {id}, when: event.forward, do: [{{fold: {{level: {level}}}}}]}}\n");
    let base = SourceFile::new("x.yaml", rule("a", 1) + &rule("b", 1));
    let site = SourceFile::new("site.yaml", rule("c", 3) + &rule("a", 3));
    let (book, problems) = Rulebook::read(&[base], &[site], &catalogue());
    assert_eq!(problems, []);
    let rules: Vec<_> = book.rules().iter().map(|rule| (&*rule.id, &*rule.file)).collect();
    assert_eq!(rules, [("a", "site.yaml"), ("b", "x.yaml"), ("c", "site.yaml")]);
}

#[test]
fn the_revision_follows_the_meaning_and_not_the_layout() {
    let revision = |text: &str| read(text).0.rules()[0].revision;
    let one = revision("- {id: a, when: event.forward, do: [{fold: {level: 1}}]}\n");
    let same =
        revision("# c\n- do:\n    - fold:\n        level: 1\n  when: \" event . forward // c\"\n  id: a\n  owner: t\n");
    assert_eq!(one, same);
    for other in [
        "when: event.forward, points: 1",
        "when: author.first",
        "when: event.forward, channels: [ad]",
        "when: event.forward, cap: {per_hour: 1}",
    ] {
        assert_ne!(one, revision(&format!("- {{id: a, {other}, do: [{{fold: {{level: 1}}}}]}}\n")), "{other}");
    }
}

#[test]
fn a_condition_that_begins_with_a_sign_of_yaml_is_told_to_use_quotes() {
    let text = "- id: a\n  when: !has(account.age_days)\n  do: [{fold: {level: 1}}]\n- id: b\n  when: 'x' in words.fraud.tags\n  do: []\n";
    let found = problems(text);
    assert_eq!(found.iter().map(|p| p.0).collect::<Vec<_>>(), [2, 5], "{found:#?}");
    assert!(found.iter().all(|p| p.4.contains("needs quotes")), "{found:#?}");
}

#[test]
fn everything_that_a_rule_file_can_say_is_read() {
    let (book, problems) = read(include_str!("fixtures/sound.yaml"));
    assert_eq!(problems, []);
    let rule = &book.rules()[0];
    assert_eq!(rule.channels.iter().collect::<Vec<_>>(), [Channel::Post, Channel::Group]);
    assert_eq!((rule.points, rule.cap_per_hour, rule.line, rule.status), (2, Some(5000), 2, Status::Live));
    assert_eq!(rule.expires, crate::event::parse_rfc3339("2027-06-30T00:00:00Z").unwrap());
    let names: Vec<_> = rule.grounds.iter().map(|slot| catalogue().definition(*slot).name.to_string()).collect();
    assert_eq!(names, ["words.gambling.count", "account.age_days", "author.posts_10m"]);
    assert!(book.uses(rule.grounds[0]) && !book.uses(catalogue().slot("event.reach").unwrap()));
    let limit = ActionKind::Limit { scope: Scope::Forward, factor: Some(0.2), until: Some(86_400_007) };
    assert_eq!(rule.actions[1].act(7, None), limit);
    let ActionKind::Label { text, .. } = rule.actions[2].act(0, Some("en-GB")) else { panic!() };
    assert_eq!(text.as_deref(), Some("Suspected gambling"));
    let test = &rule.tests[0];
    let event = test.event(Channel::Post, 5);
    assert_eq!((&*event.text, event.channel, event.room.as_deref()), ("加 薇 信 领 彩 金", Channel::Group, Some("r1")));
    assert!(event.forward_of.is_some() && event.reply_to.is_none());
    assert_eq!(test.given.len(), 5);
    assert_eq!(test.given[4].1, Value::Missing);
}

/// Pieces that break files.
const PIECES: [&str; 34] = [
    "",
    "\n",
    "- ",
    "  ",
    ":",
    ": ",
    "[",
    "]",
    "{",
    "}",
    "'",
    "\"",
    "|",
    ">-",
    "&a ",
    "*a",
    "!",
    "!!str ",
    "#",
    "- id: a\n",
    "when",
    "赌",
    "\u{feff}",
    "\t",
    "\\",
    "&& ",
    "|| ",
    "(",
    ")",
    "==",
    "9999999999999999999",
    "null",
    "?",
    "\0",
];

/// Some edits: where, how much is cut, and what is put there.
fn edits() -> impl Strategy<Value = Vec<(usize, usize, &'static str)>> {
    vec((0_usize..1200, 0_usize..12, proptest::sample::select(&PIECES[..])), 1..6)
}

fn edited(text: &str, edits: &[(usize, usize, &str)]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (at, cut, piece) in edits {
        let start = (*at).min(chars.len());
        let end = (start + cut).min(chars.len());
        chars.splice(start..end, piece.chars());
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn broken_files_are_read_and_their_problems_stand_inside_them(
        edits in edits(),
        text in proptest::sample::select(&[include_str!("fixtures/sound.yaml"), include_str!("fixtures/ten_mistakes.yaml")][..]),
    ) {
        let text = edited(text, &edits);
        let lines: Vec<_> = text.split('\n').collect();
        for problem in read(&text).1 {
            prop_assert!(problem.line >= 1 && problem.line as usize <= lines.len(), "{problem}");
            let length = lines[problem.line as usize - 1].chars().count() as u32;
            prop_assert!(problem.column <= length + 1, "{problem} of {length} in\n{text}");
        }
    }
}

/// Tokens of CEL, and some that are none.
const TOKENS: [&str; 40] = [
    "text.chars",
    "account",
    "lang",
    ".",
    "x",
    "words.fraud.tags",
    "has(",
    "size(",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    "?",
    ":",
    "&&",
    "||",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "<",
    ">=",
    "==",
    "in",
    "'a'",
    "\"b\"",
    "'",
    "r'\\'",
    "1",
    "2.5e3",
    "0x1F",
    "7u",
    ".exists(x, ",
    "null",
    "赌",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_tokens_as_a_condition_are_compiled_or_refused_at_a_place_inside(
        tokens in vec((proptest::sample::select(&TOKENS[..]), proptest::sample::select(&["", " ", "  "][..])), 1..25),
    ) {
        let source: String = tokens.iter().flat_map(|(token, blank)| [*token, *blank]).collect();
        if let Err(faults) = check(&source, &catalogue()) {
            prop_assert!(!faults.is_empty());
            for fault in faults {
                prop_assert!(fault.at.start <= fault.at.end && fault.at.end <= source.len(), "{source}: {fault:?}");
                prop_assert!(source.is_char_boundary(fault.at.start) && source.is_char_boundary(fault.at.end), "{fault:?}");
            }
        }
    }
}
