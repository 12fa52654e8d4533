//! Constants of conditions, folded where the tree is built.

use crate::signal::{Catalogue, Signals};

use super::numbers::{Float, Int, Number};
use super::tree::{Bool, Scope, Seek, Text, Texts};

pub(super) fn not(tree: Bool) -> Bool {
    match tree {
        Bool::Const(value) => Bool::Const(!value),
        Bool::Not(inner) => *inner,
        other => Bool::Not(Box::new(other)),
    }
}

/// `a && b` or `a || b`, flat and without constants.
pub(super) fn join(any: bool, a: Bool, b: Bool) -> Bool {
    let mut terms = Vec::new();
    for side in [a, b] {
        match side {
            Bool::Const(value) if value == any => return Bool::Const(any),
            Bool::Const(_) => {}
            Bool::Or(inner) if any => terms.extend(inner),
            Bool::And(inner) if !any => terms.extend(inner),
            other => terms.push(other),
        }
    }
    match terms.len() {
        0 => Bool::Const(!any),
        1 => terms.remove(0),
        _ if any => Bool::Or(terms),
        _ => Bool::And(terms),
    }
}

/// The constant that a comparison of constants comes to; anything else stays.
pub(crate) fn folded(tree: Bool) -> Bool {
    let is_constant = match &tree {
        Bool::Numbers(_, pair) => constant_number(&pair.0) && constant_number(&pair.1),
        Bool::Strings(_, pair) => matches!(**pair, (Text::Const(_), Text::Const(_))),
        Bool::Bools(_, pair) => matches!(**pair, (Bool::Const(_), Bool::Const(_))),
        Bool::Lists(_, pair) => matches!(**pair, (Texts::Const(_), Texts::Const(_))),
        Bool::InInts(item, _) => matches!(**item, Int::Const(_)),
        Bool::InFloats(item, _) => matches!(**item, Float::Const(_)),
        Bool::InTexts(pair) => matches!(**pair, (Text::Const(_), Texts::Const(_))),
        Bool::Seek(pair) => matches!(
            **pair,
            (
                Text::Const(_),
                Seek::Contains(Text::Const(_))
                    | Seek::Starts(Text::Const(_))
                    | Seek::Ends(Text::Const(_))
                    | Seek::Matches(_)
            )
        ),
        _ => false,
    };
    if !is_constant {
        return tree;
    }
    let nothing = Signals::new(&Catalogue::default());
    tree.truth(&Scope::new(&nothing)).map_or(tree, Bool::Const)
}

fn constant_number(number: &Number) -> bool {
    matches!(number, Number::Int(Int::Const(_)) | Number::Float(Float::Const(_)))
}

pub(super) fn constant_float(float: &Float) -> Option<f64> {
    let Float::Arith(_, pair) = float else { return None };
    let (Float::Const(_), Float::Const(_)) = **pair else { return None };
    let nothing = Signals::new(&Catalogue::default());
    float.eval(&Scope::new(&nothing))
}
