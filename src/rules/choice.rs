//! Choices (`c ? a : b`): drawn out of the comparisons that they stand in, and how deep they stand in each other's
//! conditions.

use super::cel::{Bool, Float, Int, Number, Text, Texts, folded};

/// `(c ? 1 : x) < y` as `c ? 1 < y : x < y`, which comes to the same truth and to the same errors: a comparison passes on
/// those of its sides, and a choice that of its condition. `None` if no side is a choice.
pub(crate) fn drawn_out(tree: &Bool) -> Option<Bool> {
    match tree {
        Bool::Numbers(cmp, pair) => {
            let (left, right) = &**pair;
            either(numbers(left), |side| Bool::Numbers(*cmp, Box::new((side, right.clone()))))
                .or_else(|| either(numbers(right), |side| Bool::Numbers(*cmp, Box::new((left.clone(), side)))))
        }
        Bool::Strings(cmp, pair) => {
            let (left, right) = &**pair;
            either(texts(left), |side| Bool::Strings(*cmp, Box::new((side, right.clone()))))
                .or_else(|| either(texts(right), |side| Bool::Strings(*cmp, Box::new((left.clone(), side)))))
        }
        Bool::InInts(item, list) => match &**item {
            Int::If(arms) => {
                let arms = (arms.0.clone(), arms.1.clone(), arms.2.clone());
                either(Some(arms), |item| Bool::InInts(Box::new(item), list.clone()))
            }
            _ => None,
        },
        Bool::InTexts(pair) => {
            let (item, list) = &**pair;
            either(texts(item), |item| Bool::InTexts(Box::new((item, list.clone()))))
                .or_else(|| either(lists(list), |list| Bool::InTexts(Box::new((item.clone(), list)))))
        }
        _ => None,
    }
}

fn either<T>(arms: Option<(Bool, T, T)>, compare: impl Fn(T) -> Bool) -> Option<Bool> {
    arms.map(|(condition, yes, no)| Bool::If(Box::new((condition, folded(compare(yes)), folded(compare(no))))))
}

fn numbers(side: &Number) -> Option<(Bool, Number, Number)> {
    match side {
        Number::Int(Int::If(arms)) => Some((arms.0.clone(), Number::Int(arms.1.clone()), Number::Int(arms.2.clone()))),
        Number::Float(Float::If(arms)) => {
            Some((arms.0.clone(), Number::Float(arms.1.clone()), Number::Float(arms.2.clone())))
        }
        _ => None,
    }
}

fn texts(side: &Text) -> Option<(Bool, Text, Text)> {
    if let Text::If(arms) = side { Some((**arms).clone()) } else { None }
}

fn lists(side: &Texts) -> Option<(Bool, Texts, Texts)> {
    if let Texts::If(arms) = side { Some((**arms).clone()) } else { None }
}

/// How deep choices stand in the conditions of choices: 0 where there is none. Each level doubles what a formula of the
/// whole takes.
pub(crate) fn depth(tree: &Bool) -> usize {
    let deepest = |trees: &[&Bool]| trees.iter().map(|tree| depth(tree)).max().unwrap_or(0);
    match tree {
        Bool::If(arms) => (depth(&arms.0) + 1).max(deepest(&[&arms.1, &arms.2])),
        Bool::Not(inner) => depth(inner),
        Bool::And(terms) | Bool::Or(terms) => terms.iter().map(depth).max().unwrap_or(0),
        Bool::Bools(_, pair) => deepest(&[&pair.0, &pair.1]),
        other => drawn_out(other).map_or(0, |tree| depth(&tree)),
    }
}
