//! What publishers' ratings mean. A table, publisher by publisher: the same number, and even the same word, means different
//! things in different houses. A rating that no row knows is no verdict.

use super::record::Verdict::{self, False, Misleading, Satire, True, Unproven};

/// Words that mean the same wherever they stand alone.
const EVERYWHERE: &[(&str, Verdict)] = &[
    ("false", False),
    ("fake", False),
    ("incorrect", False),
    ("debunked", False),
    ("refuted", False),
    ("misleading", Misleading),
    ("missing context", Misleading),
    ("false context", Misleading),
    ("unproven", Unproven),
    ("unverified", Unproven),
    ("no evidence", Unproven),
    ("true", True),
    ("correct", True),
    ("accurate", True),
    ("satire", Satire),
    ("假", False),
    ("谣言", False),
    ("虚假", False),
    ("不实", False),
    ("错误", False),
    ("失实", False),
    ("误导", Misleading),
    ("断章取义", Misleading),
    ("疑", Unproven),
    ("存疑", Unproven),
    ("待核实", Unproven),
    ("真", True),
    ("属实", True),
    ("确有其事", True),
    ("讽刺", Satire),
    ("恶搞", Satire),
];

/// One publisher: by what its name or address is known, and what its ratings mean.
struct Publisher {
    marks: &'static [&'static str],
    ratings: &'static [(&'static str, Verdict)],
}

const PUBLISHERS: &[Publisher] = &[
    Publisher {
        marks: &["snopes"],
        ratings: &[
            ("mostly false", False),
            ("mixture", Misleading),
            ("mostly true", True),
            ("outdated", Misleading),
            ("miscaptioned", Misleading),
            ("misattributed", False),
            ("correct attribution", True),
            ("scam", False),
            ("legend", Unproven),
            ("lost legend", Unproven),
            ("labeled satire", Satire),
            ("originated as satire", Satire),
            ("recall", True),
            ("research in progress", Unproven),
        ],
    },
    Publisher {
        marks: &["politifact"],
        ratings: &[
            ("pants on fire", False),
            ("pants on fire!", False),
            ("mostly false", False),
            ("barely true", Misleading),
            ("half true", Misleading),
            ("half-true", Misleading),
            ("mostly true", True),
        ],
    },
    Publisher {
        marks: &["washingtonpost", "washington post"],
        ratings: &[
            ("four pinocchios", False),
            ("three pinocchios", False),
            ("two pinocchios", Misleading),
            ("one pinocchio", Misleading),
            ("geppetto checkmark", True),
        ],
    },
    Publisher {
        marks: &["afp"],
        ratings: &[
            ("altered image", False),
            ("altered video", False),
            ("photo out of context", Misleading),
            ("hoax", False),
        ],
    },
    Publisher {
        marks: &["fullfact", "full fact"],
        ratings: &[
            ("this is false.", False),
            ("this is not true.", False),
            ("this isn’t true.", False),
            ("this isn't true.", False),
            ("this is correct.", True),
        ],
    },
    Publisher {
        marks: &["factcheck.org"],
        ratings: &[("spins the facts", Misleading), ("distorts the facts", Misleading), ("no evidence", Unproven)],
    },
    Publisher {
        marks: &["leadstories", "lead stories"],
        ratings: &[("hoax alert", False), ("not true", False), ("old news", Misleading), ("satire as news", Satire)],
    },
    Publisher {
        marks: &["较真", "tencent"],
        ratings: &[
            ("伪科学", False),
            ("伪常识", False),
            ("分情况", Unproven),
            ("尚无定论", Unproven),
            ("有失实", Misleading),
        ],
    },
    Publisher {
        marks: &["tfc-taiwan", "台湾事实查核中心"],
        ratings: &[("部分错误", Misleading), ("事实厘清", Misleading), ("证据不足", Unproven), ("正确", True)],
    },
    Publisher {
        marks: &["cofacts"],
        ratings: &[("rumor", False), ("not_rumor", True), ("opinionated", Unproven), ("not_article", Unproven)],
    },
    Publisher {
        marks: &["mygopen"], ratings: &[("诈骗", False), ("易生误解", Misleading), ("部分错误", Misleading)]
    },
    Publisher {
        marks: &["piyao", "联合辟谣平台", "科学辟谣"],
        ratings: &[("辟谣", False), ("流言", False), ("旧谣", False), ("旧闻", Misleading)],
    },
];

/// What a rating means, if somebody has said; numbers alone mean nothing. `publisher` is the authority's name and the address
/// of the fact-check, in any order; both are to be folded ([`crate::text::fold_to_string`]), so that case, width and script
/// variant make no difference.
pub(super) fn verdict(publisher: &str, rating: &str) -> Option<Verdict> {
    let rating = rating.trim();
    let of = |table: &[(&str, Verdict)]| table.iter().find(|(word, _)| *word == rating).map(|&(_, verdict)| verdict);
    let house = PUBLISHERS.iter().find(|house| house.marks.iter().any(|mark| publisher.contains(mark)));
    house.and_then(|house| of(house.ratings)).or_else(|| of(EVERYWHERE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_word_means_what_its_house_means() {
        assert_eq!(verdict("https://www.snopes.com/x", "mixture"), Some(Misleading));
        assert_eq!(verdict("somebody", "mixture"), None);
        assert_eq!(verdict("politifact", "pants on fire!"), Some(False));
        assert_eq!(verdict("cofacts", "not_rumor"), Some(True));
        assert_eq!(verdict("anybody", " false "), Some(False));
    }

    #[test]
    fn numbers_alone_mean_nothing() {
        for number in ["0", "1", "2", "5", "1.0", ""] {
            assert_eq!(verdict("丁香医生", number), None);
            assert_eq!(verdict("snopes", number), None);
        }
    }

    #[test]
    fn words_are_written_as_the_fold_leaves_them() {
        let houses = PUBLISHERS.iter().flat_map(|house| house.ratings);
        for (word, _) in houses.chain(EVERYWHERE) {
            assert_eq!(crate::text::fold_to_string(word), *word);
        }
        for mark in PUBLISHERS.iter().flat_map(|house| house.marks) {
            assert_eq!(crate::text::fold_to_string(mark), *mark);
        }
    }
}
