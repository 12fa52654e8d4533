//! Letters and digits in a box, a disc or small capitals that Unicode gives no decomposition for.

/// Small capitals by the letter that they stand for. `q` has only the Latin Extended-D one.
const SMALL_CAPITALS: [(char, char); 25] = [
    ('ᴀ', 'a'),
    ('ʙ', 'b'),
    ('ᴄ', 'c'),
    ('ᴅ', 'd'),
    ('ᴇ', 'e'),
    ('ꜰ', 'f'),
    ('ɢ', 'g'),
    ('ʜ', 'h'),
    ('ɪ', 'i'),
    ('ᴊ', 'j'),
    ('ᴋ', 'k'),
    ('ʟ', 'l'),
    ('ᴍ', 'm'),
    ('ɴ', 'n'),
    ('ᴏ', 'o'),
    ('ᴘ', 'p'),
    ('ꞯ', 'q'),
    ('ʀ', 'r'),
    ('ꜱ', 's'),
    ('ᴛ', 't'),
    ('ᴜ', 'u'),
    ('ᴠ', 'v'),
    ('ᴡ', 'w'),
    ('ʏ', 'y'),
    ('ᴢ', 'z'),
];

/// Runs of discs and boxes: first scalar, last scalar, the number that the first one shows.
const NUMBERS: [(u32, u32, u32); 6] = [
    (0x24EB, 0x24F4, 11),  // negative circled 11 to 20
    (0x24F5, 0x24FE, 1),   // double circled 1 to 10
    (0x2776, 0x277F, 1),   // negative circled 1 to 10
    (0x2780, 0x2789, 1),   // sans-serif circled 1 to 10
    (0x278A, 0x2793, 1),   // negative sans-serif circled 1 to 10
    (0x1F10B, 0x1F10C, 0), // circled sans-serif 0, negative and not
];

/// The plain text of a styled letter or number, `None` where Unicode's own decomposition serves.
pub(crate) fn plain(c: char) -> Option<String> {
    let scalar = c as u32;
    match scalar {
        0x24FF | 0x1F10B | 0x1F10C => return Some("0".into()),
        // Negative circled and negative squared A to Z.
        0x1F150..=0x1F169 => return letter(scalar - 0x1F150),
        0x1F170..=0x1F189 => return letter(scalar - 0x1F170),
        // Letters and numbers between brackets or before a full stop lose what only frames them.
        0x2474..=0x2487 => return Some((scalar - 0x2474 + 1).to_string()),
        0x2488..=0x249B => return Some((scalar - 0x2488 + 1).to_string()),
        0x249C..=0x24B5 => return letter(scalar - 0x249C),
        0x1F100 => return Some("0".into()),
        0x1F101..=0x1F10A => return Some((scalar - 0x1F101).to_string()),
        0x1F110..=0x1F129 => return letter(scalar - 0x1F110),
        _ => {}
    }
    if let Some(&(_, letter)) = SMALL_CAPITALS.iter().find(|&&(small, _)| small == c) {
        return Some(letter.into());
    }
    let &(first, _, shown) = NUMBERS.iter().find(|&&(first, last, _)| (first..=last).contains(&scalar))?;
    Some((scalar - first + shown).to_string())
}

fn letter(index: u32) -> Option<String> {
    char::from_u32('a' as u32 + index).map(String::from)
}
