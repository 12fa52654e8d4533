//! The words by which people say what they think of a claim, in families. All are as the fold leaves them.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

/// What a cue says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// What fact-checks call what they check: "hoax", 谣言. Who asserts a claim does not use it.
    Debunk,
    /// It is not so: "false", 没有依据.
    Refute,
    /// Not: alone it says nothing, in a sentence about the claim it does.
    Negate,
    /// Somebody says: 网传, "rumor has it".
    Hearsay,
    /// Is it so? 真的吗, "is it true".
    Question,
    /// Asks something: only beside the claim it is the claim that is asked about.
    Ask,
    /// What is so instead: 事实上, "in fact", "experts say".
    Explain,
    /// Who looked into it: 警方通报, "fact check".
    Official,
    /// Has a word of denial in it and denies nothing: 抢救无效, "not only". What warns of a danger is among it (千万不要吃).
    Neutral,
    /// Believe it and pass it on: 速转, "share before they delete it".
    Push,
}

/// A cue in its place, in bytes of the scanned text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cue {
    pub(super) family: Family,
    pub(super) start: usize,
}

const DEBUNK: &str = "不实 不属实 不真实 谣言 辟谣 造谣 谣传 假消息 假新闻 子虚乌有 无中生有 捏造 杜撰 并非事实 不是事实 与事实不符 不符合事实 讹传 误传 以讹传讹 伪科学 旧谣 打假 查无此事 \
    流言 早已辟 已辟谣 智商税 信谣 传谣 不信谣 不传谣 \u{1}debunk \u{1}debunked \u{1}debunking \u{1}debunks \u{1}hoax \
    \u{1}untrue \u{1}baseless \u{1}unfounded \u{1}fabricated \u{1}misinformation \u{1}disinformation \
    \u{1}myth \u{1}myths \u{1}bogus \u{1}refuted \u{1}refutes \u{1}discredited \u{1}disproved \
    \u{1}disproven \u{1}miscaptioned \u{1}pseudoscience";

const DEBUNK_PHRASES: &[&str] =
    &["fact check", "fact-check", "factcheck", "fact checkers", "urban legend", "pants on fire", "already checked"];

const REFUTE: &str = "假的 虚假 编造 凭空 失实 误读 误解 误区 不可信 不可靠 不靠谱 别信 勿信 莫信 不要相信 不要轻信 切勿轻信 别再信 骗局 旧闻 旧视频 旧图 移花接木 张冠李戴 断章取义 摆拍 \
    p图 ps的 合成的 ai生成 恶搞 纯属 没这回事 没有的事 站不住脚 不成立 没有科学依据 无科学依据 没有依据 毫无依据 毫无根据 没有根据 无根据 未发生 从未发生 并无此事 无此事 \
    澄清 驳斥 否认 破除 粉碎 揭穿 真相是 别被骗 别被忽悠 假借 冒用 伪造 夸大 夸张了 偷换概念 求真 别上当 瞎说 胡说 无稽之谈 经不起推敲 不攻自破 不科学 没用 无效 不管用 \
    没效果 没有效果 没有证据 无证据 尚无证据 缺乏证据 无充分证据 没有充分证据 暂无证据 没有研究 没有任何证据 没有任何研究 证据不足 并没有证据 \u{1}fake \u{1}false \
    \u{1}falsely \u{1}misleading \u{1}doctored \u{1}photoshopped \u{1}denies \u{1}denied \
    \u{1}inaccurate \u{1}incorrect \u{1}nonsense \u{1}conspiracy \u{1}satire \u{1}satirical \u{1}lie \
    \u{1}lies";

const REFUTE_PHRASES: &[&str] = &[
    "not true",
    "isn't true",
    "is not real",
    "isn't real",
    "no evidence",
    "no proof",
    "no scientific",
    "no basis",
    "no truth",
    "did not happen",
    "didn't happen",
    "never happened",
    "never said",
    "did not say",
    "don't believe",
    "do not believe",
    "don't fall for",
    "do not fall for",
    "out of context",
    "taken out",
    "old video",
    "old photo",
    "old footage",
    "has been altered",
    "digitally altered",
    "simply wrong",
    "is wrong",
    "are wrong",
    "pants on fire",
    "fact check",
    "fact-check",
    "factcheck",
    "not supported by",
    "does not support",
    "there is no",
    "there's no",
    "no such",
    "contrary to",
    "stop sharing",
    "stop spreading",
    "do not share",
    "don't share",
    "made up",
    "made-up",
    "ai-generated",
    "misrepresent",
    "mischaracteriz",
    "urban legend",
    "lacks evidence",
    "without evidence",
    "unsupported",
    "no link between",
    "not linked to",
];

const NEGATE: &str = "不能 不会 不是 不可 不可能 不必 不用 不应 不宜 不要 不得 不足以 不等于 不等同 不代表 不存在 不具备 不属于 不含 不建议 不推荐 不至于 不需要 不一定 不太 不利 不起 不受 不影响 不如 \
    并不 并非 并没有 并未 并无 绝非 绝不 没有 没必要 没啥 没什么 无法 无需 无须 无关 无助 未必 未见 未有 未经 未曾 尚未 尚无 从未 从不 难以 很难 毫无 毫不 \
    别再 别乱 仅仅 只是 而非 有限 很低 极低 很小 极小 过度 反而 适得其反 得不偿失 相反 存疑 啥效果 \
    \u{1}not \u{1}never \u{1}cannot \u{1}isn \u{1}doesn \u{1}don \u{1}didn \u{1}won \u{1}wasn \u{1}aren \u{1}weren \u{1}couldn \u{1}wouldn \u{1}hasn \u{1}haven \
    \u{1}nor \u{1}neither \u{1}without \u{1}unlikely \u{1}impossible \u{1}nobody \u{1}nothing \u{1}unable \u{1}no";

const HEARSAY: &str = "网传 网上流传 网上盛传 网络流传 流传 盛传 疯传 有传言 传言 传闻 传说 谣传 有人说 有人称 网友称 网友爆料 网友说 有说法 的说法 说法称 坊间 \
    听说 据说 据传 声称 号称 宣称 消息称 帖子称 视频称 文章称 一段视频 一则消息 一条消息 聊天记录 截图显示 朋友圈 所谓 \
    \u{1}rumor \u{1}rumors \u{1}rumour \u{1}rumours \u{1}allegedly \u{1}supposedly \u{1}reportedly \u{1}apparently \u{1}viral \u{1}claim \u{1}claims \u{1}claimed \
    \u{1}claiming \u{1}circulating \u{1}purported \u{1}purportedly \u{1}allege \u{1}alleges \u{1}heard";

const QUESTION: &str = "真的吗 是真的么 是真的吗 真的假的 真假 是真是假 是不是真 求证 求辟谣 求真相 求科普 求解 靠谱吗 可信吗 可靠吗 属实吗 有没有人知道 有人知道 有谁知道 谁知道 \
    有依据吗 有科学依据吗 有道理吗 有用吗 管用吗 能信吗 可以信吗 该不该信 是否属实 是否真 是否可信 存不存在 是不是谣言 是谣言吗 有官方 官方说法 不知真假 不知道真假 不知是真是假 不知道是不是 未经证实 待证实 待核实 \
    \u{1}anyone \u{1}legit \u{1}verify \u{1}unverified \u{1}unconfirmed \u{1}wondering \u{1}source";

const ASK: &str = "吗 么? 呢? 会不会 是不是 能不能 有没有 要不要 可不可以 请问 想问 怎么看 到底";

const ASK_PHRASES: &[&str] =
    &["do you", "is it", "should i", "should we", "does it", "do we", "is there", "can you", "are they"];

const QUESTION_PHRASES: &[&str] = &[
    "is it true",
    "is this true",
    "is this real",
    "is it real",
    "true or false",
    "can anyone",
    "can someone",
    "does anyone",
    "has anyone",
    "anybody know",
    "is that true",
    "any truth",
    "for real?",
    "not sure if",
    "true?",
    "real?",
];

const EXPLAIN: &str = "其实 事实上 实际上 真相 答案 科普 专家 教授 医生 院士 主任 医师 研究员 研究显示 研究发现 研究表明 表示 指出 介绍 解释 提醒 强调 提示 建议 应该 正确 科学 所以 因此 原因 原理 \
    \u{1}actually \u{1}fact \u{1}facts \u{1}truth \u{1}experts \u{1}expert \u{1}researchers \u{1}scientists \u{1}study \u{1}studies \u{1}evidence \u{1}however \u{1}instead \u{1}explained \u{1}explains \u{1}spokesperson \u{1}spokesman \u{1}spokeswoman \u{1}confirmed \u{1}professor \u{1}doctors";

const OFFICIAL: &str = "据新华社 新华社 央视 卫健委 据悉 获悉 警方 公安 网警 民警 派出所 通报 公告 声明 回应 核实 查证 核查 调查 证实 官方 卫健委 疾控 网信办 市场监管 食药监 联合辟谣平台 较真 行政拘留  依法查处 立案 散布 传播不实 法律责任   发布会   药监局 教育局 气象局 地震局 \
    \u{1}authorities \u{1}officials \u{1}police \u{1}statement \u{1}snopes \u{1}politifact \u{1}reuters \u{1}afp \u{1}cdc \u{1}fda \u{1}who";

const NEUTRAL: &str = "抢救无效 医治无效 治疗无效 救治无效 无效死亡 不得不 不能不 不可不 不会吧 差不多 不要紧 不要脸 不可思议 不能自已 不可开交 不会忘 不能忘 不用谢 没有人性 没有良心 没有天理 \
    千万不要 千万不能 千万不可 千万不得 切记不要 切记不能 一定不要 一定不能 请不要 大家不要 务必不要 绝对不要 绝对不能 再也不能 再也不要 不要再吃 不要再用 不要再喝 不要再买";

/// Longer than what is neutral, so that they are found in its place.
const NEUTRAL_NOT: &str = "千万不要信 千万不要相信 千万不要轻信 千万不要被 千万不要传 千万不要转 千万不能信 千万不能相信 千万不可信 千万不可相信 千万不可轻信 一定不要信 一定不要相信 一定不要轻信 请不要相信 请不要轻信 请不要传 请不要转 \
    请不要信 请不要再传 请不要再转 大家不要相信 大家不要轻信 大家不要信 大家不要传 大家不要恐慌 大家不要惊慌 请不要恐慌 请不要惊慌 绝对不要相信 绝对不能相信 切记不要相信 切记不要轻信 务必不要相信 务必不要轻信";

const NEUTRAL_PHRASES: &[&str] = &[
    "not only",
    "no matter",
    "no longer",
    "no wonder",
    "no one is talking",
    "why not",
    "do not eat",
    "don't eat",
    "do not drink",
    "don't drink",
    "do not use",
    "don't use",
    "do not buy",
    "don't buy",
    "do not take",
    "don't take",
    "do not open",
    "don't open",
    "do not answer",
    "don't answer",
];

const PUSH: &str = "速转 快转 转发 扩散 转给 转起来 赶紧转 请转 告诉家人 紧急通知 紧急 速看 删前速看 马上被删 震惊 惊呆 太可怕 重磅 刚刚 亲测 秘方 偏方 务必 一定要 千万 不转不是 群里 内部消息 可靠消息 小心了 注意了 \
    \u{1}breaking \u{1}urgent \u{1}wake \u{1}shocking \u{1}share \u{1}retweet \u{1}spread \u{1}warning \u{1}unbelievable \u{1}wow \u{1}omg";

/// Finds cues in a folded text.
pub(super) struct Finder {
    automaton: AhoCorasick,
    /// Family of each pattern, and whether it is a word that must stand alone.
    meanings: Vec<(Family, bool)>,
}

/// The one finder: its tables are fixed.
pub(super) static FINDER: LazyLock<Finder> = LazyLock::new(Finder::new);

impl Finder {
    fn new() -> Self {
        Self::of(&[
            (Family::Debunk, DEBUNK, DEBUNK_PHRASES),
            (Family::Refute, REFUTE, REFUTE_PHRASES),
            (Family::Negate, NEGATE, &[]),
            (Family::Hearsay, HEARSAY, &[]),
            (Family::Question, QUESTION, QUESTION_PHRASES),
            (Family::Ask, ASK, ASK_PHRASES),
            (Family::Explain, EXPLAIN, &[]),
            (Family::Official, OFFICIAL, &[]),
            (Family::Push, PUSH, &[]),
            (Family::Neutral, NEUTRAL, NEUTRAL_PHRASES),
            (Family::Refute, NEUTRAL_NOT, &[]),
        ])
    }

    /// Of a family each: words, and phrases. Words of letters begin with a mark, as they must stand alone; phrases must too.
    pub(super) fn of(lists: &[(Family, &'static str, &[&'static str])]) -> Self {
        let (mut patterns, mut meanings) = (Vec::new(), Vec::new());
        for &(family, words, phrases) in lists {
            for word in words.split_whitespace() {
                meanings.push((family, word.starts_with('\u{1}')));
                patterns.push(word.trim_start_matches('\u{1}'));
            }
            for &phrase in phrases {
                meanings.push((family, true));
                patterns.push(phrase);
            }
        }
        let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(patterns);
        Self { automaton: automaton.expect("a few hundred fixed words"), meanings }
    }

    /// Adds the cues of a text in their order; of two that overlap the one that begins first, or is longer.
    pub(super) fn find(&self, text: &str, out: &mut Vec<Cue>) {
        out.clear();
        let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        for found in self.automaton.find_iter(text) {
            let (family, is_word) = self.meanings[found.pattern().as_usize()];
            let bytes = text.as_bytes();
            let before = found.start().checked_sub(1).and_then(|at| bytes.get(at));
            let is_cut = is_word && (is_letter(before) || is_letter(bytes.get(found.end())));
            if !is_cut {
                out.push(Cue { family, start: found.start() });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(Family, &str)> {
        let mut cues = Vec::new();
        FINDER.find(text, &mut cues);
        cues.iter().map(|cue| (cue.family, &text[cue.start..][..3])).collect()
    }

    #[test]
    fn words_stand_alone_and_characters_anywhere() {
        assert_eq!(found("这是谣言"), [(Family::Debunk, "谣")]);
        assert_eq!(found("it is fake"), [(Family::Refute, "fak")]);
        assert!(found("faker notes").is_empty());
        assert_eq!(found("没有证据"), [(Family::Refute, "没")]);
        assert_eq!(found("是真的吗"), [(Family::Question, "是")]);
    }

    #[test]
    fn cues_are_as_the_fold_leaves_them() {
        let lists = [DEBUNK, REFUTE, NEGATE, HEARSAY, QUESTION, ASK, EXPLAIN, OFFICIAL, PUSH];
        let words = lists.iter().flat_map(|list| list.split_whitespace()).map(|word| word.trim_start_matches('\u{1}'));
        for word in words
            .chain(REFUTE_PHRASES.iter().copied())
            .chain(DEBUNK_PHRASES.iter().copied())
            .chain(QUESTION_PHRASES.iter().copied())
        {
            assert_eq!(crate::text::fold_to_string(word), word);
        }
    }
}
