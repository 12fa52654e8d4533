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

fn folded(text: &str) -> Folded {
    let mut folded = Folded::default();
    folded.fold(text);
    folded
}

fn to_string(units: &[u32]) -> String {
    units.iter().filter_map(|&unit| char::from_u32(unit)).collect()
}

/// (text, its stripped view or nothing)
const STRIPPED: &[(&str, &str)] = &[
    ("加 薇 信 领 彩 金", "加薇信领彩金"),
    ("去赌*博网站", "去赌博网站"),
    ("赌🎲博 赌🇨🇳博", "赌博赌博"),
    ("加，薇，信", "加薇信"),
    ("c.a.s.i.n.o c a s i n o", "casinocasino"),
    ("fu*ck you", "fuck you"),
    ("我在赌，博士也在。加 v 信", "我在赌 博士也在加v信"),
    // Ordinary text has no such view.
    ("我在赌，博士也在", ""),
    ("「你好」！他说……走吧\n好的", ""),
    ("the pen is here, isn\u{2019}t it?", ""),
    ("赌博！", ""),
    ("", ""),
    ("!!!", ""),
];

#[test]
fn separators_within_words_go() {
    let mut view = View::default();
    for &(text, expected) in STRIPPED {
        assert_eq!(view.strip(&folded(text)), !expected.is_empty(), "{text:?}");
        assert_eq!(to_string(view.units()), expected, "{text:?}");
    }
}

/// (text, its squeezed view or nothing)
const SQUEEZED: &[(&str, &str)] = &[
    ("赌赌赌博", "赌博"),
    ("fuuuuck", "fuck"),
    ("赌赌博博", "赌博"),
    ("赌 赌 赌 博博 10000", "赌博10000"),
    ("爸爸妈妈", "爸妈"),
    ("爸爸的 letter 10000", ""),
    ("!!!", ""),
];

#[test]
fn what_is_drawn_out_is_squeezed() {
    let mut view = View::default();
    for &(text, expected) in SQUEEZED {
        assert_eq!(view.squeeze(&folded(text)), !expected.is_empty(), "{text:?}");
        assert_eq!(to_string(view.units()), expected, "{text:?}");
    }
}

#[test]
fn characters_sound_as_their_commonest_reading() {
    let mut view = View::default();
    view.pinyin(&folded("加WeiXin 绿，色2b!"));
    assert_eq!(to_string(view.units()), "jiaweixinlvse2b");
    let edges: Vec<usize> = (0..=view.units().len()).filter(|&at| view.is_edge(at)).collect();
    assert_eq!(edges, [0, 3, 9, 11, 13, 15]);
    assert_eq!(view.folded_range(3..11), 1..9);
}

#[test]
fn readings_are_toneless_and_each_is_given_once() {
    assert_eq!(readings('行' as u32).collect::<Vec<_>>(), ["xing", "hang", "heng"]);
    assert_eq!(readings('女' as u32).collect::<Vec<_>>(), ["nv", "ru"]);
    assert_eq!(readings('a' as u32).count(), 0);
}

#[test]
fn a_span_covers_what_was_dropped_after_its_character() {
    let text = "\u{200B}e\u{301}赌\u{200B}博⑩";
    let folded = folded(text);
    assert_eq!(to_string(folded.units()), "e赌博10");
    let spans: Vec<&str> = (0..5).map(|at| &text[folded.span(at..at + 1)]).collect();
    assert_eq!(spans, ["e\u{301}", "赌\u{200B}", "博", "⑩", "⑩"]);
    assert_eq!(&text[folded.span(1..3)], "赌\u{200B}博");
    assert_eq!(folded.span(5..5), text.len()..text.len());
    assert_eq!(folded.span(0..0), 3..3);
}

fn shape_of(text: &str) -> Shape {
    shape(text, &folded(text))
}

/// (text, links, mentions, hashtags)
const MARKED_UP: &[(&str, usize, usize, usize)] = &[
    ("见 https://a.example/b?c=d.com#e 和ＨＴＴＰ://x.cn", 2, 0, 0),
    ("www.example.org，taobao.com。t.cn/zR1", 3, 0, 0),
    ("到example.com看 3.14 e.g. end.The so.it", 1, 0, 0),
    ("sub.domain.co.uk. 12.30.xyz a.b.c.d", 2, 0, 0),
    ("://. http:// .com com. @ # ##", 1, 0, 0),
    ("@小明 //@u0fe859: 你好＠ａｂｃ", 0, 3, 0),
    ("mail me@example.com or x@y", 0, 1, 0),
    ("#周末去哪儿# #tag #a #b", 0, 0, 4),
    ("#新闻#正文#跑步 #话题 很长#", 0, 0, 3),
];

#[test]
fn links_mentions_and_hashtags_are_counted() {
    for &(text, links, mentions, hashtags) in MARKED_UP {
        let shape = shape_of(text);
        assert_eq!((shape.links, shape.mentions, shape.hashtags), (links, mentions, hashtags), "{text:?}");
    }
}

#[test]
fn shapes_count_what_shows_and_what_does_not() {
    assert_eq!(shape_of(""), Shape::default());
    let shape = shape_of("1３⑧-0013 ８０００x12");
    assert_eq!((shape.digits_run, shape.chars), (11, 16));
    assert_eq!(shape_of("1a2").digits_run, 1);
    assert_eq!(shape_of("哈哈哈哈!!  ").repeat_max, 4);
    assert_eq!(shape_of("a    b").repeat_max, 1);
    assert_eq!(shape_of("👨\u{200D}👩\u{200D}👧👍🏽❤\u{FE0F}🇨🇳🇺🇸1\u{FE0F}\u{20E3}😀").emoji, 6);
    assert_eq!(shape_of("👨\u{200D}👩❤\u{FE0F}").invisible, 0);
    assert_eq!(shape_of("赌\u{200B}\u{200D}博\u{202E}\0").invisible, 4);
    let shape = shape_of("加 V 信aB");
    assert_eq!((shape.han_share, shape.latin_share), (2.0 / 7.0, 3.0 / 7.0));
    assert_eq!((shape.upper_share, shape.spaced_share), (2.0 / 3.0, 2.0 / 7.0));
    assert_eq!(shape_of(" 你好！ ").spaced_share, 0.0);
}

#[test]
fn the_same_text_dressed_up_has_the_same_hash() {
    let hash = |text: &str| content_hash(&folded(text), 7);
    assert_eq!(hash("加 薇信，领彩金！"), hash("加薇\u{200B}信领彩金"));
    assert_ne!(hash("加薇信"), hash("加信薇"));
    assert_ne!(hash("!?"), hash("?!"));
    assert_ne!(hash("a"), hash("a\u{4E00}"));
    // It stands in stored state: a change here loses every count of repeated texts.
    assert_eq!(hash("加薇信领彩金"), 7_034_495_796_337_796_490);
    assert_eq!(hash(""), 8_368_335_404_904_214_498);
}
