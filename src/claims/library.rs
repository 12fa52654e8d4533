//! A library as a whole: one claim an id, and one claim a sentence.

use std::collections::BTreeMap;

use super::record::{Claim, Status, Variant};
use crate::text::fold_to_string;

/// Merges claims that are the same. Of two with one id the later stands, as a site's folder lies over the shipped one. Of two
/// that say the same about the same day in other cases, widths or scripts, the first stays and takes over the wordings, and
/// what it lacks, of the other.
#[must_use]
pub fn merge(claims: impl IntoIterator<Item = Claim>) -> Vec<Claim> {
    let mut merged: Vec<Claim> = Vec::new();
    let mut by_id: BTreeMap<Box<str>, usize> = BTreeMap::new();
    for claim in claims {
        match by_id.get(&claim.id) {
            Some(&at) => merged[at] = claim,
            None => {
                by_id.insert(claim.id.clone(), merged.len());
                merged.push(claim);
            }
        }
    }
    let mut by_words: BTreeMap<(String, Option<super::Day>, bool), usize> = BTreeMap::new();
    let mut kept: Vec<Claim> = Vec::with_capacity(merged.len());
    for claim in merged {
        let is_true = claim.verdict == super::Verdict::True;
        match by_words.get(&(words(&claim.claim), claim.claim_date, is_true)) {
            Some(&at) if claim.status == kept[at].status => join(&mut kept[at], claim),
            _ => {
                by_words.insert((words(&claim.claim), claim.claim_date, is_true), kept.len());
                kept.push(claim);
            }
        }
    }
    kept
}

/// What it says, without separators and disguises.
fn words(text: &str) -> String {
    fold_to_string(text).chars().filter(|c| c.is_alphanumeric()).collect()
}

fn join(claim: &mut Claim, other: Claim) {
    let is_new = |claim: &Claim, text: &str| {
        words(text) != words(&claim.claim) && claim.variants.iter().all(|variant| words(&variant.text) != words(text))
    };
    for variant in other.variants {
        if is_new(claim, &variant.text) {
            claim.variants.push(variant);
        }
    }
    if !other.title.is_empty() && claim.title.is_empty() {
        claim.title = other.title;
    }
    if !claim.lacks().is_empty() && !other.url.is_empty() && !other.authority.is_empty() && other.published.is_some() {
        claim.authority = other.authority;
        claim.tier = other.tier;
        claim.url = other.url;
        claim.published = other.published;
        claim.verdict = other.verdict;
        claim.rating = other.rating;
    }
}

/// Takes a claim back: it is kept, and found no more. `None` if no claim has that id.
#[must_use]
pub fn retract(claims: &mut [Claim], id: &str) -> Option<()> {
    let claim = claims.iter_mut().find(|claim| *claim.id == *id)?;
    claim.status = Status::Retracted;
    claim.revision += 1;
    Some(())
}

/// Adds a wording to a claim, unless it has it.
pub fn add_variant(claim: &mut Claim, variant: Variant) {
    if !claim.variants.iter().any(|known| words(&known.text) == words(&variant.text)) {
        claim.variants.push(variant);
        claim.revision += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(id: &str, text: &str) -> Claim {
        Claim { id: id.into(), claim: text.into(), ..Claim::default() }
    }

    #[test]
    fn of_one_id_the_later_stands_and_of_one_sentence_the_first() {
        let complete = Claim {
            authority: "A".into(),
            url: "https://a.example/".into(),
            published: super::super::Day::parse("2020-01-01"),
            variants: vec![Variant { text: "Eat garlic".into(), ..Variant::default() }],
            ..claim("b", "Garlic cures flu!")
        };
        let merged = merge([claim("a", "x"), claim("c", "garlic cures FLU"), complete, claim("a", "y")]);
        let ids: Vec<&str> = merged.iter().map(|claim| &*claim.id).collect();
        assert_eq!(ids, ["a", "c"]);
        assert_eq!(&*merged[0].claim, "y");
        assert_eq!((&*merged[1].authority, merged[1].variants.len()), ("A", 1));
        assert!(merged[1].lacks().is_empty());
    }

    #[test]
    fn what_is_retracted_is_kept() {
        let mut claims = vec![claim("a", "x")];
        assert_eq!(retract(&mut claims, "b"), None);
        assert_eq!(retract(&mut claims, "a"), Some(()));
        assert_eq!((claims[0].status, claims[0].revision), (Status::Retracted, 1));
    }
}
