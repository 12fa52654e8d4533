//! How people write what filters look for. Each evasion is a function of a text; the tables are the tricks.

use fastrand::Rng;

use super::cast::Lang;

type Evasion = fn(&mut Rng, &str) -> String;

const CHINESE: [Evasion; 12] =
    [spaced, spaced, wide, traditional, look_alikes, digits, emoji, invisible, pinyin, homophones, split, repeated];

const ENGLISH: [Evasion; 7] = [spaced, wide, look_alikes, digits, emoji, invisible, leet];

/// The text, written so that a plain search misses it.
pub(super) fn evade(rng: &mut Rng, lang: Lang, text: &str) -> String {
    let all: &[Evasion] = match lang {
        Lang::Zh => &CHINESE,
        Lang::En => &ENGLISH,
    };
    // An evasion may find nothing to work on: a text without digits has no digits to write otherwise.
    let tries = (0..4).map(|_| all[rng.usize(..all.len())](rng, text));
    tries.into_iter().find(|evaded| evaded != text).unwrap_or_else(|| text.to_owned())
}

/// The same message by the next account of a campaign: a greeting, a tail, other punctuation, or an evasion.
pub(super) fn wash(rng: &mut Rng, lang: Lang, text: &str) -> String {
    let greetings: &[&str] = match lang {
        Lang::Zh => &["家人们，", "在吗？", "亲，", "【转】", "好消息！", "姐妹们 "],
        Lang::En => &["hey, ", "FYI ", "guys! ", "hello dear, ", "[fwd] "],
    };
    match rng.u8(..8) {
        0 | 1 => text.to_owned(),
        2 => format!("{}{text}", greetings[rng.usize(..greetings.len())]),
        3 => format!("{text} {}", rng.u32(1000..10_000)),
        4 => format!("{text}{}", EMOJI[rng.usize(..EMOJI.len())].repeat(rng.usize(1..4))),
        5 => text.replace(['，', ','], " "),
        _ => evade(rng, lang, text),
    }
}

/// What people strew between words.
pub(in crate::cli) const EMOJI: [&str; 10] = ["🔥", "💰", "❤️", "✅", "🌹", "🎁", "⭐", "👇", "🧧", "🍀"];

/// Works on a stretch of the text, a third of it or more: who evades seldom takes the trouble with every character.
fn on_a_stretch(rng: &mut Rng, text: &str, mut write: impl FnMut(&mut Rng, char, &mut String)) -> String {
    let length = text.chars().count();
    let start = rng.usize(..=length / 3);
    let end = start + length.div_ceil(3) + rng.usize(..=length / 3);
    let mut evaded = String::with_capacity(text.len() * 2);
    for (at, c) in text.chars().enumerate() {
        if (start..end).contains(&at) {
            write(rng, c, &mut evaded);
        } else {
            evaded.push(c);
        }
    }
    evaded
}

fn spaced(rng: &mut Rng, text: &str) -> String {
    let separator = [" ", "·", ".", "-", "*", "　", "_", "|"][rng.usize(..8)];
    on_a_stretch(rng, text, |_, c, evaded| {
        evaded.push(c);
        if c.is_alphanumeric() {
            evaded.push_str(separator);
        }
    })
}

fn wide(rng: &mut Rng, text: &str) -> String {
    let widen = |c: char| char::from_u32(u32::from(c) - 0x20 + 0xff00).filter(|_| c.is_ascii_graphic()).unwrap_or(c);
    on_a_stretch(rng, text, |_, c, evaded| evaded.push(if c.is_ascii_graphic() { widen(c) } else { c }))
}

const SIMPLIFIED: &str = "领网红赚钱贷单费验证码电话联系账号银号应职结刷投资盘团队进员导师优惠币转发现额户开达货门务汇宝贝问处报杀绝顶级断医药疗癌减";
const TRADITIONAL: &str = "領網紅賺錢貸單費驗證碼電話聯繫賬號銀號應職結刷投資盤團隊進員導師優惠幣轉發現額戶開達貨門務匯寶貝問處報殺絕頂級斷醫藥療癌減";

fn traditional(_: &mut Rng, text: &str) -> String {
    let table = || SIMPLIFIED.chars().zip(TRADITIONAL.chars());
    text.chars().map(|c| table().find(|&(plain, _)| plain == c).map_or(c, |(_, other)| other)).collect()
}

/// Latin letters and digits, and what looks like them in other scripts.
const LOOK_ALIKES: [(&str, &str); 14] = [
    ("a", "а"),
    ("c", "с"),
    ("e", "е"),
    ("i", "і"),
    ("o", "о"),
    ("p", "р"),
    ("s", "ѕ"),
    ("x", "х"),
    ("y", "у"),
    ("v", "ν"),
    ("V", "Ⅴ"),
    ("X", "Χ"),
    ("0", "О"),
    ("1", "l"),
];

fn look_alikes(_: &mut Rng, text: &str) -> String {
    substitute(text, &LOOK_ALIKES)
}

fn digits(rng: &mut Rng, text: &str) -> String {
    let style = ["⓪①②③④⑤⑥⑦⑧⑨", "〇一二三四五六七八九", "０１２３４５６７８９", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗", "零壹贰叁肆伍陆柒捌玖"]
        [rng.usize(..5)];
    let write = |c: char| c.to_digit(10).and_then(|digit| style.chars().nth(digit as usize)).unwrap_or(c);
    text.chars().map(write).collect()
}

fn emoji(rng: &mut Rng, text: &str) -> String {
    on_a_stretch(rng, text, |rng, c, evaded| {
        evaded.push(c);
        if rng.u8(..3) == 0 {
            evaded.push_str(EMOJI[rng.usize(..EMOJI.len())]);
        }
    })
}

fn invisible(rng: &mut Rng, text: &str) -> String {
    let hidden = ['\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{ad}'][rng.usize(..6)];
    on_a_stretch(rng, text, |_, c, evaded| evaded.extend([c, hidden]))
}

const PINYIN: [(&str, &str); 16] = [
    ("微信", "weixin"),
    ("加", "jia"),
    ("彩金", "caijin"),
    ("贷款", "daikuan"),
    ("刷单", "shuadan"),
    ("兼职", "jianzhi"),
    ("验证码", "yanzhengma"),
    ("上门", "shangmen"),
    ("代购", "daigou"),
    ("百家乐", "bjl"),
    ("客服", "kefu"),
    ("私聊", "siliao"),
    ("垃圾", "laji"),
    ("傻逼", "shabi"),
    ("发票", "fapiao"),
    ("股票", "gupiao"),
];

fn pinyin(_: &mut Rng, text: &str) -> String {
    substitute(text, &PINYIN)
}

const HOMOPHONES: [(&str, &str); 18] = [
    ("微信", "威信"),
    ("薇", "葳"),
    ("加", "伽"),
    ("群", "裙"),
    ("彩金", "菜金"),
    ("贷款", "带款"),
    ("刷单", "唰单"),
    ("兼职", "尖职"),
    ("私聊", "斯聊"),
    ("赚", "撰"),
    ("红包", "鸿包"),
    ("福利", "芙莉"),
    ("免费", "勉费"),
    ("上门", "尚门"),
    ("发票", "发嘌"),
    ("傻逼", "沙比"),
    ("垃圾", "辣鸡"),
    ("彩票", "采票"),
];

fn homophones(_: &mut Rng, text: &str) -> String {
    substitute(text, &HOMOPHONES)
}

const SPLIT: [(&str, &str); 14] = [
    ("加", "力口"),
    ("群", "君羊"),
    ("钱", "钅戋"),
    ("赌", "贝者"),
    ("博", "十尃"),
    ("贷", "代贝"),
    ("赚", "贝兼"),
    ("佣", "亻用"),
    ("彩", "采彡"),
    ("刷", "尸巾刂"),
    ("话", "讠舌"),
    ("注", "氵主"),
    ("流", "氵㐬"),
    ("码", "石马"),
];

fn split(_: &mut Rng, text: &str) -> String {
    substitute(text, &SPLIT)
}

const LEET: [(&str, &str); 7] = [("a", "4"), ("e", "3"), ("i", "1"), ("o", "0"), ("s", "$"), ("t", "7"), ("b", "8")];

fn leet(_: &mut Rng, text: &str) -> String {
    substitute(text, &LEET)
}

fn repeated(rng: &mut Rng, text: &str) -> String {
    on_a_stretch(rng, text, |rng, c, evaded| {
        let times = if c.is_alphanumeric() && rng.u8(..4) == 0 { rng.usize(2..5) } else { 1 };
        evaded.extend(std::iter::repeat_n(c, times));
    })
}

fn substitute(text: &str, table: &[(&str, &str)]) -> String {
    table.iter().fold(text.to_owned(), |text, (plain, other)| text.replace(plain, other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_evasion_changes_a_text_that_it_can_work_on() {
        let mut rng = Rng::with_seed(2);
        let chinese = "加微信tg100888领彩金，兼职刷单贷款垃圾，电话13800001234";
        for evasion in CHINESE {
            assert!((0..8).any(|_| evasion(&mut rng, chinese) != chinese));
        }
        for evasion in ENGLISH {
            assert!(
                (0..8).any(|_| evasion(&mut rng, "join our vip casino, text 0123") != "join our vip casino, text 0123")
            );
        }
    }

    #[test]
    fn the_tables_pair_one_to_one() {
        assert_eq!(SIMPLIFIED.chars().count(), TRADITIONAL.chars().count());
        let changed = SIMPLIFIED.chars().zip(TRADITIONAL.chars()).filter(|(a, b)| a != b).count();
        assert!(changed > 40, "{changed}");
    }

    #[test]
    fn an_empty_text_stays_empty() {
        let mut rng = Rng::with_seed(3);
        for evasion in CHINESE.into_iter().chain(ENGLISH) {
            assert_eq!(evasion(&mut rng, ""), "");
        }
    }
}
