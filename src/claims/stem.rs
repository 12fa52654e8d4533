//! English words without their endings, so that `vaccines`, `vaccinated` and `vaccination` meet. Lighter than Porter's stemmer:
//! what it takes off is what tells inflections and the commonest derivations apart.

/// Words shorter than this are left alone.
const LETTERS_MIN: usize = 4;

/// Takes the ending off a folded word. Words with other letters than `a` to `z` are left alone.
pub(super) fn shorten(word: &mut Vec<u32>) {
    if word.len() < LETTERS_MIN || !word.iter().all(|&unit| (0x61..=0x7A).contains(&unit)) {
        return;
    }
    plural(word);
    let _ = ends(word, "ed", 2, true) || ends(word, "ing", 2, true);
    for (ending, kept) in [("ness", 3), ("ment", 4), ("fully", 3), ("ful", 3), ("ally", 4), ("ly", 4)] {
        if ends(word, ending, kept, false) {
            break;
        }
    }
    for (ending, instead) in [
        ("ization", "iz"),
        ("ation", "at"),
        ("ition", "it"),
        ("sion", "s"),
        ("tion", "t"),
        ("ate", "at"),
        ("ant", ""),
        ("ive", ""),
    ] {
        if is_ending(word, ending) && word.len() >= ending.len() + 3 {
            word.truncate(word.len() - ending.len());
            word.extend(instead.bytes().map(u32::from));
            break;
        }
    }
    if word.len() > LETTERS_MIN && word.last() == Some(&u32::from(b'e')) {
        word.pop();
    }
    if word.len() >= 3 && word.last() == Some(&u32::from(b'y')) {
        word.pop();
        word.push(u32::from(b'i'));
    }
}

fn plural(word: &mut Vec<u32>) {
    if is_ending(word, "ies") && word.len() > 4 {
        word.truncate(word.len() - 3);
        word.push(u32::from(b'y'));
    } else if ["sses", "shes", "ches", "xes", "zes"].iter().any(|ending| is_ending(word, ending)) {
        word.truncate(word.len() - 2);
    } else if is_ending(word, "s") && !["ss", "us", "is"].iter().any(|ending| is_ending(word, ending)) {
        word.pop();
    }
    if is_ending(word, "ied") && word.len() > 4 {
        word.truncate(word.len() - 3);
        word.push(u32::from(b'y'));
    }
}

/// Takes an ending off, if so many letters with a vowel among them remain; a letter that it doubled goes with it.
fn ends(word: &mut Vec<u32>, ending: &str, kept_min: usize, may_double: bool) -> bool {
    let Some(kept) = word.len().checked_sub(ending.len()).filter(|&kept| kept >= kept_min) else { return false };
    let is_vowel = |unit: &u32| b"aeiouy".iter().any(|&vowel| u32::from(vowel) == *unit);
    if !is_ending(word, ending) || !word[..kept].iter().any(is_vowel) {
        return false;
    }
    word.truncate(kept);
    if let [.., a, b] = word[..]
        && may_double
        && a == b
        && !b"lsz".iter().any(|&letter| u32::from(letter) == b)
    {
        word.pop();
    }
    true
}

fn is_ending(word: &[u32], ending: &str) -> bool {
    word.len() > ending.len() && word[word.len() - ending.len()..].iter().copied().eq(ending.bytes().map(u32::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stem(word: &str) -> String {
        let mut units: Vec<u32> = word.chars().map(u32::from).collect();
        shorten(&mut units);
        units.into_iter().filter_map(char::from_u32).collect()
    }

    #[test]
    fn forms_of_a_word_meet() {
        let families: [&[&str]; 7] = [
            &["vaccinate", "vaccinated", "vaccinating", "vaccination", "vaccinations"],
            &["vaccine", "vaccines"],
            &["stopped", "stop", "stopping", "stops"],
            &["carry", "carries", "carried"],
            &["claim", "claims", "claimed", "claiming"],
            &["boxes", "box"],
            &["photograph", "photographs", "photographed"],
        ];
        for family in families {
            for word in family {
                assert_eq!(stem(word), stem(family[0]), "{word}");
            }
        }
    }

    #[test]
    fn short_and_foreign_words_are_left_alone() {
        for word in ["is", "bus", "gas", "naïve", "данные"] {
            assert_eq!(stem(word), word);
        }
        assert_eq!(stem("this"), "this");
        assert_eq!(stem("king"), "king");
    }
}
