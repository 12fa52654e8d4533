//! Cases of the whole room, as data.

use super::*;

/// (text, its folded form)
const CASES: &[(&str, &str)] = &[
    // Width and case.
    ("ＡＢＣ１２３", "abc123"),
    ("ﾊﾝｶｸ ｶﾞ", "ハンカク ガ"),
    ("か\u{3099}", "が"),
    ("Straße", "strasse"),
    ("İstanbul ISPARTA ı", "istanbul isparta i"),
    ("ﬁne ﬀ", "fine ff"),
    // Script.
    ("賭博網站", "赌博网站"),
    ("⼈⺝", "人月"),
    // Look-alikes and accents.
    ("раураl Ρaypal", "paypal paypal"),
    ("Вода вода", "boдa boдa"),
    ("Crème brûlée", "creme brulee"),
    ("e\u{301}\u{323}", "e"),
    ("ⓒⒶⓢ🅸🅽🄾", "casino"),
    ("ᴄᴀꜱɪɴᴏ 𝓬𝕒𝘴𝚒𝔫𝐨", "casino casino"),
    ("don´t ￣▽￣ Σ", "don´t ￣▽￣ σ"),
    // Numbers.
    ("①⑩⑴⒈❶⓫⓪⓿", "1101111100"),
    ("٣४５𝟞", "3456"),
    ("㈱ ㊙ Ⅷ ½", "(株) 秘 viii 1⁄2"),
    // What shows nothing.
    ("赌\u{200B}博\u{FEFF}\u{202E}网\u{AD}\u{FE0F}\u{E0041}", "赌博网"),
    ("a\0b\u{7F}\r\nc\td", "ab\r\nc\td"),
    ("\u{FFFD}?", "\u{FFFD}?"),
    // Marks that are vowels, tones or conjuncts stay.
    ("हिन्दी कि", "हिन्दी कि"),
    ("ภาษาไทย น\u{E49}\u{E33}", "ภาษาไทย น\u{E49}\u{E4D}\u{E32}"),
    ("한국어 \u{1112}\u{1161}\u{11AB}", "한국어 한"),
    ("العَرَبِيَّة مُحَـــمَّد آ", "العربية محمد آ"),
    ("שָׁלוֹם", "שלום"),
    ("ﷺ", "صلى الله عليه وسلم"),
    // Emoji stay; flags are emoji, other regional indicators are letters.
    ("👨\u{200D}👩\u{200D}👧 1\u{FE0F}\u{20E3}", "👨👩👧 1"),
    ("🇨🇳🇺🇸 🇫🇺🇨🇰 🇸🇪🇽", "🇨🇳🇺🇸 fuck sex"),
    // Not in the base fold.
    ("一七 弓虽 c4sin0 ™", "一七 弓虽 c4sin0 ™"),
];

#[test]
fn texts_fold_to_what_they_say() {
    for &(text, expected) in CASES {
        assert_eq!(fold_to_string(text), expected, "{text:?}");
    }
}
