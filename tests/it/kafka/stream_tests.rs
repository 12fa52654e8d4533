//! The comparison sees each kind of difference: one that always says "the same" would prove nothing.

use super::stream::{Differences, GivenOut, compare};

const EXPECTED: &str = r#"{"id":"1","author":"a","x":1}
{"id":"2","author":"a","x":2}
{"id":"3","author":"b","x":3}"#;
const REJECTS: &str = r#"{"code":"bad_json","raw":"x"}"#;

fn given(actions: &str, rejects: &str) -> GivenOut {
    let mut given = GivenOut::default();
    given.add_files(actions, rejects);
    given
}

fn check(actions: &str, rejects: &str, expected: Differences) {
    assert_eq!(compare(&given(EXPECTED, REJECTS), &given(actions, rejects)), expected, "{actions}\n{rejects}");
}

#[test]
fn each_kind_of_difference_is_seen() {
    let none = Differences::default;
    let swap = |old: &str, new: &str| EXPECTED.replace(old, new);
    check(EXPECTED, REJECTS, none());
    check(&swap("{\"id\":\"2\",\"author\":\"a\",\"x\":2}\n", ""), REJECTS, Differences { lost: 1, ..none() });
    check(&format!("{EXPECTED}\n{EXPECTED}"), REJECTS, Differences { doubled: 3, ..none() });
    check(&swap("\"x\":3", "\"x\":4"), REJECTS, Differences { changed: 1, ..none() });
    check(&swap("\"id\":\"3\"", "\"id\":\"4\""), REJECTS, Differences { lost: 1, invented: 1, ..none() });
    let turned: Vec<_> = EXPECTED.lines().rev().collect();
    check(&turned.join("\n"), REJECTS, Differences { disordered: 1, ..none() });
    check(EXPECTED, "", Differences { lost: 1, ..none() });
    check(EXPECTED, &format!("{REJECTS}\n{REJECTS}"), Differences { doubled: 1, ..none() });
    check(EXPECTED, &REJECTS.replace("\"x\"", "\"y\""), Differences { lost: 1, invented: 1, ..none() });
}
