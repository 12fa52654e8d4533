//! Cases: word lists, a message, and what is found in it.

use std::sync::Arc;

use super::{Bounds, BuildOptions, Hits, Lists, Matcher, Scratch, Source};
use crate::problem::Problem;
use crate::signal::Field;
use crate::text::Folded;

/// Lists of `name:` and lines, built.
pub(super) fn build(files: &[(&str, &str)]) -> (Matcher, Vec<Problem>) {
    let sources: Vec<_> =
        files.iter().map(|&(file, text)| Source { file: Arc::from(format!("words/{file}.txt")), text }).collect();
    let (lists, mut problems) = Lists::parse(&sources, &Bounds::default());
    let (matcher, more) = Matcher::build(&lists, &BuildOptions::default());
    problems.extend(more);
    (matcher, problems)
}

/// What is found in texts: `term[span]`, a combination's spans joined by `|`.
pub(super) fn found(matcher: &Matcher, texts: &[&str]) -> String {
    let (mut scratch, mut hits, mut folded) = (Scratch::default(), Hits::default(), Folded::default());
    for (index, text) in texts.iter().enumerate() {
        folded.fold(text);
        let field = if index == 0 { Field::Text } else { Field::Media(index as u8 - 1) };
        matcher.scan(field, &folded, &mut scratch);
    }
    matcher.finish(&mut scratch, &mut hits);
    let shown = hits.all().iter().map(|hit| {
        let term = &matcher.lists()[hit.list.index()].terms[hit.term as usize];
        let spans = hits.spans(hit).iter().map(|span| {
            let field = match span.field {
                Field::Media(n) => usize::from(n) + 1,
                _ => 0,
            };
            &texts[field][span.range()]
        });
        format!("{}[{}]", term.text, spans.collect::<Vec<_>>().join("|"))
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn check(list: &str, cases: &[(&str, &str)]) {
    let (matcher, problems) = build(&[("a", list)]);
    assert!(problems.is_empty(), "{problems:?}");
    for (text, expected) in cases {
        assert_eq!(found(&matcher, &[text]), *expected, "{list:?} in {text:?}");
    }
}

#[test]
fn chinese_terms() {
    check(
        "加微信\n赌",
        &[
            ("请加微信", "加微信[加微信]"),
            ("请 加 微 信 吧", "加微信[加 微 信]"),
            ("加💰微💰信", "加微信[加💰微💰信]"),
            ("加\u{200b}微\u{200d}信", "加微信[加\u{200b}微\u{200d}信]"),
            ("加微微微信信", "加微信[加微微微信]"),
            ("加加微信", "加微信[加微信]"),
            ("你加，微信上说", ""),
            ("加，微，信", "加微信[加，微，信]"),
            ("不加。微信", ""),
            ("加*********微信", ""),
            ("加********微信", "加微信[加********微信]"),
            ("赌赌赌", "赌[赌]"),
            ("赌，赌", "赌[赌]"),
            ("加微信加微信", "加微信[加微信] 加微信[加微信]"),
        ],
    );
}

#[test]
fn a_doubled_character_of_the_term_is_needed() {
    check(
        "妹妹照\n天天彩",
        &[
            ("妹照", ""),
            ("妹妹照", "妹妹照[妹妹照]"),
            ("妹 妹妹 照", "妹妹照[妹妹 照]"),
            ("天 天 彩", "天天彩[天 天 彩]"),
        ],
    );
}

#[test]
fn latin_terms() {
    check(
        "wechat\ntherapist\ngod\nass\nfree money\n110\nvx\nqq",
        &[
            ("WeChat me", "wechat[WeChat]"),
            ("w e c h a t", "wechat[w e c h a t]"),
            ("w.e.c.h.a.t!", "wechat[w.e.c.h.a.t]"),
            ("we chat", ""),
            ("wechats", ""),
            ("the rapist", ""),
            ("my therapist", "therapist[therapist]"),
            ("good", ""),
            ("goood", "god[goood]"),
            ("goooddd", "god[goooddd]"),
            ("class", ""),
            ("as", ""),
            ("asss", "ass[asss]"),
            ("free  money now", "free money[free  money]"),
            ("FREE-MONEY", "free money[FREE-MONEY]"),
            ("freemoney", ""),
            ("free. Money", "free money[free. Money]"),
            ("free, money", ""),
            ("f r e e m o n e y", "free money[f r e e m o n e y]"),
            ("打110", "110[110]"),
            ("1100", ""),
            ("13811012345", ""),
            ("1 1 0", "110[1 1 0]"),
            ("加vx123456", "vx[vx]"),
            ("加vxxxx", "vx[vxxxx]"),
            ("加ｖⅹ", "vx[ｖⅹ]"),
            ("qq", "qq[qq]"),
            ("q q", "qq[q q]"),
            ("qqqq", "qq[qqqq]"),
            ("q", ""),
        ],
    );
}

#[test]
fn inside_and_literals() {
    check(
        "porn\t+inside\n\\+v\n100%\n💊\nt.me/",
        &[
            ("superpornsite", "porn[porn]"),
            ("快+V吧", "\\+v[+V]"),
            ("+vip", ""),
            ("100%有效", "100%[100%]"),
            ("2100%", ""),
            ("卖💊", "💊[💊]"),
            ("https://t.me/abc", "t.me/[t.me/]"),
        ],
    );
}

#[test]
fn pinyin_and_initials() {
    check(
        "加微信\t+pinyin +initials\n重庆\t+pinyin",
        &[
            ("jia wei xin", "加微信[jia wei xin]"),
            ("JiaWeiXin 123", "加微信[JiaWeiXin]"),
            ("加wei信", "加微信[加wei信]"),
            ("加weixin了", "加微信[加weixin]"),
            ("加 wei xin", "加微信[加 wei xin]"),
            ("加wx", "加微信[加wx]"),
            ("jwx", "加微信[jwx]"),
            ("j w x", "加微信[j w x]"),
            ("j wx", ""),
            ("ajwx", ""),
            ("jia wei xing", ""),
            ("jiaweix", "加微信[jiaweix]"),
            ("jiaweixi", ""),
            ("ji a wei xin", ""),
            ("chongqing", "重庆[chongqing]"),
            ("zhong qing", "重庆[zhong qing]"),
        ],
    );
}

#[test]
fn other_expansions() {
    check(
        "强奸\t+split\n微信\t+homophone\n12306\t+digits\nporn\t+leet\nass\t+leet",
        &[
            ("弓虽奸", "强奸[弓虽奸]"),
            ("弓 虽 奸", "强奸[弓 虽 奸]"),
            ("加威信", "微信[威信]"),
            ("加威芯", "微信[威芯]"),
            ("一二三零六", "12306[一二三零六]"),
            ("①②③⓪⑥", "12306[①②③⓪⑥]"),
            ("p0rn", "porn[p0rn]"),
            ("a$s", "ass[a$s]"),
            ("45s", ""),
        ],
    );
}

#[test]
fn the_bound_on_expansions_cuts_and_is_told() {
    let (lists, _) = Lists::parse(&[Source { file: "a.txt".into(), text: "银行好\t+pinyin" }], &Bounds::default());
    let options = BuildOptions { expansions_per_term_max: 2, ..BuildOptions::default() };
    let (matcher, problems) = Matcher::build(&lists, &options);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.contains("only the first 2"), "{problems:?}");
    assert_eq!(found(&matcher, &["yinxinghao yin行好 银hang好"]), "银行好[yinxinghao] 银行好[yin行好]");
}

#[test]
fn combinations() {
    check(
        "加+微信-公众号\n刷单~3~日结\n甲~1~乙~1~丙",
        &[
            ("加我微信", "加+微信-公众号[加|微信]"),
            ("微信号加一下", "加+微信-公众号[微信|加]"),
            ("加微信公众号", ""),
            ("刷单 今天 日结", "刷单~3~日结[刷单|日结]"),
            ("日结的刷单", "刷单~3~日结[日结|刷单]"),
            ("刷单今天可以日结", ""),
            ("甲一乙一丙", "甲~1~乙~1~丙[甲|乙|丙]"),
            ("甲一乙一一乙一丙", ""),
            ("甲一乙一一一丙乙甲", "甲~1~乙~1~丙[丙|乙|甲]"),
        ],
    );
    let (matcher, _) = build(&[("a", "加+微信")]);
    assert_eq!(found(&matcher, &["加我", "的微信"]), "加+微信[加|微信]");
}

#[test]
fn exceptions() {
    check(
        "赌博\n赌+钱\n!禁止赌博\n!打赌",
        &[("禁止赌博", ""), ("禁止赌博，来赌博", "赌博[赌博]"), ("打赌有钱", ""), ("赌有钱", "赌+钱[赌|钱]")],
    );
    let (matcher, problems) = build(&[("a", "赌博\n!你好"), ("b", "赌博")]);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].message.contains("holds no term"), "{problems:?}");
    assert_eq!(found(&matcher, &["赌博"]), "赌博[赌博] 赌博[赌博]");
}

#[test]
fn lists_overlay_and_carry_attributes() {
    let files = [("a", "@\tx 2\n甲乙\n丙丁\ty 3"), ("a", "甲乙\tz 5")];
    let (matcher, problems) = build(&files);
    assert!(problems.is_empty(), "{problems:?}");
    let (mut scratch, mut hits, mut folded) = (Scratch::default(), Hits::default(), Folded::default());
    folded.fold("甲乙丙丁甲乙");
    matcher.scan(Field::Title, &folded, &mut scratch);
    matcher.finish(&mut scratch, &mut hits);
    let list = hits.by_list(&matcher).next().expect("there are hits");
    assert_eq!((list.count(), list.distinct(), list.weight()), (3, 2, 8.0));
    assert_eq!(list.tags(), ["x".into(), "y".into(), "z".into()]);
    assert_eq!(list.terms().map(|term| &*term.text).collect::<Vec<_>>(), ["甲乙", "丙丁"]);
}

#[test]
fn every_mistake_is_told_at_its_place() {
    let list = "好的\n\u{3000}x\t+pinyn\nA+\n刷单\n刷 单\n!a+b\n\u{200b}\ne-mail\n赌博 +pinyin\n@x\t1\n\t标\n甲~999~乙";
    let (lists, problems) = Lists::parse(
        &[Source { file: "rules/words/a.txt".into(), text: list }, Source { file: "B.txt".into(), text: "" }],
        &Bounds::default(),
    );
    assert_eq!(lists.terms(), 4);
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let expected = [
        "rules/words/a.txt:2:2: error: `x` is a single Latin letter",
        "rules/words/a.txt:2:4: error: unknown attribute `+pinyn` (did you mean `+pinyin`?)",
        "rules/words/a.txt:3:2: error: a side of `+` is empty",
        "rules/words/a.txt:5:1: warning: the same term as line 4",
        "rules/words/a.txt:6:1: error: an exception is one word or phrase",
        "rules/words/a.txt:7:1: error: `\u{200b}` folds to nothing",
        "rules/words/a.txt:8:3: warning: `-mail` is read as `and not`",
        "rules/words/a.txt:9:5: warning: `+pinyin` is read as a second word",
        "rules/words/a.txt:10:1: error: a line that begins with `@` sets defaults",
        "rules/words/a.txt:11:1: error: attributes without a term",
        "rules/words/a.txt:12:3: error: `999` is not a distance (write a whole number from 0 to 100)",
        "B.txt: error: `B` is no name for a list",
    ];
    assert_eq!(shown.len(), expected.len(), "{shown:#?}");
    for (shown, expected) in shown.iter().zip(expected) {
        assert!(shown.starts_with(expected), "{shown}\n{expected}");
    }
}
