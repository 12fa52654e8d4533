//! Texts for those who may not read them: every letter and digit hidden, every length kept.
//!
//! What stands for a character has as many bytes, so that spans of the original point to the same places. White space and
//! punctuation stay: they show the shape of a text and say nothing.

/// The text with everything hidden but its shape.
pub(crate) fn mask(text: &str) -> String {
    text.chars().map(hidden).collect()
}

/// What stands from the first quotation mark to the last hidden: sentences of ours that quote what somebody sent, who may have
/// written such marks too.
pub(crate) fn mask_quoted(text: &str) -> String {
    match (text.find(['"', '`']), text.rfind(['"', '`'])) {
        (Some(first), Some(last)) if first < last => {
            format!("{}{}{}", &text[..=first], mask(&text[first + 1..last]), &text[last..])
        }
        _ => text.to_owned(),
    }
}

fn hidden(c: char) -> char {
    if is_shape(c) {
        return c;
    }
    match c.len_utf8() {
        1 => '*',
        2 => '·',
        3 => '＊',
        _ => '🞶',
    }
}

fn is_shape(c: char) -> bool {
    let is_cjk_punctuation = matches!(c, '\u{3000}'..='\u{3003}' | '\u{3008}'..='\u{3011}')
        || matches!(c, '\u{2010}'..='\u{2027}' | '！' | '，' | '．' | '？' | '：' | '；' | '（' | '）');
    c.is_whitespace() || c.is_ascii_punctuation() || is_cjk_punctuation
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_shape_stays() {
        assert_eq!(mask("Hi, 你好！ 13 ü𠮷"), "**, ＊＊！ ** ·🞶");
        assert_eq!(mask_quoted("unknown kind \"wëird\" (known: event)"), "unknown kind \"*·***\" (known: event)");
    }

    proptest! {
        #[test]
        fn no_letter_or_digit_is_left_and_every_byte_keeps_its_place(text in ".{0,80}") {
            let masked = mask(&text);
            prop_assert_eq!(masked.len(), text.len());
            prop_assert!(masked.chars().zip(text.chars()).all(|(m, c)| m.len_utf8() == c.len_utf8()));
            prop_assert!(!masked.chars().any(char::is_alphanumeric));
        }
    }
}
