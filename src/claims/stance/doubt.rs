//! Whether who passes something on, or answers it, doubts it. Such texts are short and name nothing, so words count alone that
//! say nothing about any other subject: "source?" doubts, "source: Reuters" does not.

use std::sync::LazyLock;

use super::cues::{Cue, Family, Finder};
use super::is_doubting;
use crate::text::Folded;

const WORDS: &str = "谣言 谣传 造谣 传谣 信谣 辟谣 辟个谣 是谣 谣吧 谣? 谣! 假的 真假 假消息 假新闻 假信息 假图 假视频 虚假信息 虚假消息 \
    真的假的 是真是假 真还是假 真的还是假 真的吗 真的么 真的嘛 真滴吗 真滴么 真吗 真么 真嘛 真的? 真?  是真的不 是否属实 是否真实 属实吗 属实么 属实? 属实不 真实性 可信度 可信吗 可信么 可信? \
    靠谱吗 靠谱么 靠谱? 求证 求真相 求辟谣 求来源 求出处 求科普 求核实 求证实 求专家 出处? 出处呢 出处在哪 来源? 来源呢 来源是哪 有出处 有来源吗 有依据吗 有根据吗 有证据吗 证据呢 证据? 证据在哪 \
    不实信息 不实消息 不实言论 不实传言 不实报道 不实谣言 内容不实 消息不实 信息不实 系不实 不属实 不真实 不是真的 不信 才不信 不相信 不敢信 不可信 不靠谱 不太靠谱 不科学 没有科学依据 没有依据 没有根据 毫无根据 毫无依据 没有证据 没证据 没这回事 没有的事 哪有这回事 哪有这种事 无稽之谈 子虚乌有 无中生有 以讹传讹 误传 讹传 \
    胡说 瞎说 胡扯 瞎扯 扯淡 扯蛋 鬼扯 忽悠 骗人的 骗转发 骗谁 糊弄 唬人 吓唬人 危言耸听 耸人听闻 编的吧 瞎编的 瞎编 编造 捏造 杜撰 编故事 存疑 表示质疑 我质疑 表示怀疑 我怀疑 很怀疑 怀疑真 怀疑是假 待证实 待核实 未经证实 未证实 有待考证 有待证实 有待核实 \
    p的吧 p的? ps的 p图 摆拍 合成的 ai生成 旧闻 旧图 旧视频 老图 老新闻 移花接木 张冠李戴 断章取义 标题党 伪科学 智商税 炒作 愚人节 官方回应了吗 官方说法呢 有官方消息吗 有官方回应吗 有官方通报吗 有官方说法吗 不知真假 不知道真假 不知是真是假 不知是否 不要轻信 别信 勿信 别传了 别再传 \
    谁能证实 谁能确认 谁来证实 能证实吗 证实了吗 确认了吗 核实了吗 核实过吗 核实一下 核实下";

const PHRASES: &[&str] = &[
    "fake",
    "fakes",
    "faked",
    "hoax",
    "hoaxes",
    "debunked",
    "untrue",
    "unverified",
    "unconfirmed",
    "unsubstantiated",
    "misinformation",
    "disinformation",
    "misinfo",
    "disinfo",
    "photoshopped",
    "photoshop",
    "doctored",
    "fabricated",
    "baseless",
    "bogus",
    "fishy",
    "doubtful",
    "dubious",
    "skeptical",
    "sceptical",
    "clickbait",
    "snopes",
    "bullshit",
    "bs",
    "cgi?",
    "legit?",
    "not true",
    "isn't true",
    "not real",
    "isn't real",
    "is this true",
    "is it true",
    "is that true",
    "is this real",
    "is it real",
    "is that real",
    "is this legit",
    "is it legit",
    "is this fake",
    "true or false",
    "real or fake",
    "for real?",
    "true?",
    "real?",
    "really true",
    "any truth",
    "source?",
    "sources?",
    "sauce?",
    "proof?",
    "evidence?",
    "link?",
    "citation?",
    "citation needed",
    "source please",
    "source pls",
    "source plz",
    "sources please",
    "link please",
    "proof please",
    "any source",
    "any sources",
    "any proof",
    "any evidence",
    "got a source",
    "have a source",
    "have any source",
    "your source",
    "the source for this",
    "the source of this",
    "need a source",
    "no source",
    "no sources",
    "no proof",
    "no evidence",
    "zero evidence",
    "where's the proof",
    "where is the proof",
    "where's the evidence",
    "where is the evidence",
    "where did you hear",
    "where did you read",
    "where did you get this",
    "says who",
    "according to who",
    "can anyone confirm",
    "can anyone verify",
    "can someone confirm",
    "can someone verify",
    "anyone able to confirm",
    "anyone confirm",
    "confirmed?",
    "verified?",
    "is this confirmed",
    "been confirmed?",
    "been verified?",
    "fact check",
    "fact-check",
    "factcheck",
    "fact checked",
    "fact checkers",
    "just a rumor",
    "just a rumour",
    "only a rumor",
    "a false rumor",
    "a rumor?",
    "a rumour?",
    "urban legend",
    "old photo",
    "old picture",
    "old video",
    "old footage",
    "old news",
    "out of context",
    "made up",
    "making this up",
    "making stuff up",
    "i doubt",
    "doubt it",
    "doubt this",
    "hard to believe",
    "don't believe",
    "do not believe",
    "dont believe",
    "not buying",
    "don't buy it",
    "i call bs",
    "can't be true",
    "cannot be true",
    "can't be real",
    "cannot be real",
    "never happened",
    "didn't happen",
    "did not happen",
    "stop spreading",
    "stop sharing",
    "don't share",
    "do not share",
    "delete this",
    "false information",
    "false claim",
    "false news",
    "is false",
    "it's false",
    "that's false",
    "totally false",
    "completely false",
    "all lies",
    "a lie",
    "that's cap",
    "ai generated",
    "ai-generated",
    "pants on fire",
    "take this with a grain",
    "grain of salt",
    "pinch of salt",
];

static FINDER: LazyLock<Finder> = LazyLock::new(|| Finder::of(&[(Family::Question, WORDS, PHRASES)]));

/// What makes the opposite of the words behind it: "this is not fake".
const DENIALS: [&str; 12] =
    ["不是", "并非", "绝非", "绝不是", "不", "not", "not a", "isn't", "isn't a", "no", "wasn't", "never"];

/// Before a denial these make a question of it, which doubts: 是不是谣言.
const ASKING: [&str; 3] = ["是", "莫", "难道"];

/// Whether a text has any word of doubt, be it about something else or another one's: whoever may be refuting is spared.
#[must_use]
pub fn doubts(folded: &Folded) -> bool {
    is_doubting(folded) || doubts_plainly(folded)
}

/// Whether a text doubts what it is about: asks for a source, calls it a rumor, or says that it is not so. Of what it passes on
/// (`//@name:…`, `RT @name: …`) nothing counts: those are other people's words.
#[must_use]
pub fn doubts_plainly(folded: &Folded) -> bool {
    let text = own_words(folded);
    let mut cues = Vec::new();
    FINDER.find(&text, &mut cues);
    cues.iter().any(|cue| !is_denied(&text, cue))
}

/// The words up to those that are passed on, with no space before question marks.
fn own_words(folded: &Folded) -> String {
    let mut text = String::with_capacity(folded.units().len() * 2);
    for &unit in folded.units() {
        match char::from_u32(unit).unwrap_or(' ') {
            '\u{2019}' => text.push('\''),
            '?' => text.truncate(text.trim_end_matches(' ').len()),
            _ => {}
        }
        text.extend(char::from_u32(unit).filter(|&c| c != '\u{2019}'));
    }
    let passed_on = ["//@", "// @", "rt @", "回复@"];
    let ends = passed_on.iter().filter_map(|mark| text.find(mark));
    let is_word = |at: usize| at == 0 || !text.as_bytes()[at - 1].is_ascii_alphanumeric();
    if let Some(end) = ends.filter(|&at| is_word(at)).min() {
        text.truncate(end);
    }
    text
}

fn is_denied(text: &str, cue: &Cue) -> bool {
    let before = text[..cue.start].trim_end();
    DENIALS.iter().any(|denial| {
        before.strip_suffix(denial).is_some_and(|rest| {
            let is_word = !denial.is_ascii() || !rest.ends_with(|c: char| c.is_ascii_alphanumeric());
            is_word && !ASKING.iter().any(|asks| rest.ends_with(asks))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_doubted(text: &str) -> bool {
        let mut folded = Folded::default();
        folded.fold(text);
        doubts_plainly(&folded)
    }

    #[test]
    fn who_asks_for_a_source_or_calls_it_a_rumor_doubts() {
        let texts = "真的假的？|求证|求辟谣|这是谣言吧|谣言！|造谣可耻|又是谣言，别传了|有出处吗|出处呢|来源？|有证据吗|這是真的嗎|属实吗？求科普|我不信|胡说八道\
            |这图是P的吧|旧图，去年就见过|标题党|不实信息，已举报|是不是谣言啊|是不是假的|莫不是假的|怀疑真实性|有官方消息吗，不知真假|伪科学|没有科学依据的东西|危言耸听|谁能证实一下|官方都没说，存疑|骗人的吧\
            |真的？ //@小明:快看|假的 //@小红:转发微博\
            |Source?|source ?|SOURCE???|sauce?|Any source for this|do you have a source|What's your source|citation needed|proof?|Link?|Is this true?|is this real|for real?|true?|Real or fake?\
            |Fake.|Fake news|this is a hoax|debunked years ago|not true at all|that isn’t true|I doubt it|I don't believe this|can anyone confirm|Confirmed?|has this been verified?|looks photoshopped\
            |old photo, from 2015|out of context|never happened|stop spreading this|this is false|that's a lie|unverified|fact check please|Snopes says otherwise|BS|says who|take it with a pinch of salt\
            |just a rumor|smells fishy|is this true? RT @bob: they are closing the schools";
        for text in texts.split('|') {
            assert!(is_doubted(text.trim()), "{text}");
        }
    }

    #[test]
    fn neutral_words_and_other_peoples_words_do_not_count() {
        let texts = "转发微博|太可怕了，转给家人|求转发|来源：新华社|出处见图|已收藏|大家小心骗子|这药没用|无效退款|公司否认裁员|他澄清了自己的立场|真相大白|真的太美了|真好|真实的故事\
            |真的很感人|求解一道题|有谁知道几点开门|谁知道地址|这不是谣言，我就在现场|不是假的，亲眼所见|假期快乐|放假了|请假|他夸大了自己的能力|打假英雄|科学家真了不起|官方通报来了|警方已核实，大家注意安全\
            |专家说得对|注意了|快转|//@小明:真的假的|转发 //@小红:谣言！|回复@小明:求证\
            |Wow|so sad|please share|Source: Reuters|open source software|the source of the river|anyone up for lunch?|Anyone know when it opens?|wondering what to cook|trust the evidence|the proof is in the pudding\
            |true story|So true|real talk|real heroes|There is no place like home|no such luck|lies ahead|a false alarm went off at work|link in bio|the Myth of Sisyphus|satire at its best|conspiracy thriller\
            |this is not fake, I was there|it's not a hoax, my cousin saw it|It isn't fake|confirmed by the mayor|verified account|claims are high this year|heard it on the news, stay safe\
            |RT @bob: is this true?|RT @amy: fake news|he denied the charges|wrong number|sort @me first";
        for text in texts.split('|') {
            assert!(!is_doubted(text.trim()), "{text}");
        }
    }
}
