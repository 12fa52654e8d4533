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

/// Runs of numbers in discs or brackets, or before a full stop: the first and the last scalar value, the number that the first
/// one shows.
const NUMBERS: [(u32, u32, u32); 11] = [
    (0x2474, 0x2487, 1),   // in brackets 1 to 20
    (0x2488, 0x249B, 1),   // with full stop 1 to 20
    (0x24EB, 0x24F4, 11),  // negative circled 11 to 20
    (0x24F5, 0x24FE, 1),   // double circled 1 to 10
    (0x24FF, 0x24FF, 0),   // negative circled 0
    (0x2776, 0x277F, 1),   // negative circled 1 to 10
    (0x2780, 0x2789, 1),   // sans-serif circled 1 to 10
    (0x278A, 0x2793, 1),   // negative sans-serif circled 1 to 10
    (0x1F100, 0x1F100, 0), // with full stop 0
    (0x1F101, 0x1F10A, 0), // with comma 0 to 9
    (0x1F10B, 0x1F10B, 0), // sans-serif circled 0
];

/// Where A to Z begins in brackets (twice), negative circled and negative squared.
const ALPHABETS: [u32; 4] = [0x249C, 0x1F110, 0x1F150, 0x1F170];

/// The plain text of a styled letter or number, `None` where Unicode's own decomposition serves. Brackets and full stops that
/// only frame it are left out.
pub(crate) fn plain(c: char) -> Option<String> {
    letter(c).map(String::from).or_else(|| number(c as u32).map(|number| number.to_string()))
}

fn letter(c: char) -> Option<char> {
    let index = ALPHABETS.iter().find_map(|&first| (c as u32).checked_sub(first).filter(|&index| index < 26));
    let letter = index.and_then(|index| char::from_u32('a' as u32 + index));
    letter.or_else(|| SMALL_CAPITALS.iter().find(|&&(small, _)| small == c).map(|&(_, letter)| letter))
}

fn number(scalar: u32) -> Option<u32> {
    // The negative one of the sans-serif circled zero stands beside it.
    let scalar = if scalar == 0x1F10C { 0x1F10B } else { scalar };
    let &(first, _, shown) = NUMBERS.iter().find(|&&(first, last, _)| (first..=last).contains(&scalar))?;
    Some(scalar - first + shown)
}
