//! What happens in the stream. A scene plans messages from now on; the deck says how often each comes up.

use super::cast::{Lang, Person, Room};
use super::evade::{evade, wash};
use super::script::{Message, Script};
use crate::event::{Channel, Media, Millis, Outcome};

pub(super) type Scene = fn(&mut Script, Lang);

const SECOND: Millis = 1_000;
const MINUTE: Millis = 60 * SECOND;

/// Each scene, and how many of its cards are in the deck.
pub(super) const DECK: [(Scene, usize); 21] = [
    (lone_fraud, 10),
    (lone_harm, 10),
    (campaign, 4),
    (flood, 3),
    (insult, 3),
    (pile_on, 3),
    (call_for_help, 4),
    (bad_advert, 6),
    (honest_advert, 8),
    (article, 5),
    (copied_article, 3),
    (video, 6),
    (bad_video, 3),
    (rumor, 3),
    (refutation, 4),
    (popular_post, 3),
    (warning, 7),
    (news, 6),
    (emergency, 1),
    (reported_scam, 3),
    (review, 5),
];

const HARMS: [&str; 6] = ["gambling", "drugs", "sex", "spam", "cure", "gambling"];

/// Somebody says something in a group, in public, or to somebody.
pub(super) fn ordinary(script: &mut Script, lang: Lang) {
    match script.rng.u8(..10) {
        0..5 => in_a_group(script, lang),
        5..8 => {
            let person = script.cast.somebody(&mut script.rng, lang);
            let text = script.phrase(lang, "post");
            let reach = script.one_in(3).then(|| reach(script));
            script.say(&person, Message { reach, ..Message::new(Channel::Post, text) });
        }
        8 => answer(script, lang),
        _ => pass_on(script, lang),
    }
}

fn reach(script: &mut Script) -> u64 {
    super::cast::zipf(&mut script.rng, 200_000)
}

fn in_a_group(script: &mut Script, lang: Lang) {
    let room = script.cast.room(&mut script.rng, lang);
    let person = script.cast.member(&mut script.rng, room);
    let text = script.phrase(lang, "group");
    let answered = script.one_in(5).then(|| script.recent(lang, Some(room))).flatten();
    script.say(&person, Message { reply_to: answered.map(|said| said.id), ..Message::inside(room, text) });
}

fn answer(script: &mut Script, lang: Lang) {
    let person = script.cast.somebody(&mut script.rng, lang);
    let text = script.phrase(lang, "reply");
    let answered = script.recent(lang, None);
    script.say(&person, Message { reply_to: answered.map(|said| said.id), ..Message::new(Channel::Post, text) });
}

fn pass_on(script: &mut Script, lang: Lang) {
    let person = script.cast.somebody(&mut script.rng, lang);
    let text = script.phrase(lang, "forward");
    let passed = script.recent(lang, None);
    script.say(&person, Message { forward_of: passed.map(|said| said.id), ..Message::new(Channel::Post, text) });
}

/// One message of somebody with something to hide, evading every other time, in a group or in public.
fn lone(script: &mut Script, lang: Lang, section: &str) {
    let now = script.now();
    let person = if script.one_in(3) {
        script.cast.somebody(&mut script.rng, lang)
    } else {
        script.cast.burner(&mut script.rng, lang, now)
    };
    let plain = script.phrase(lang, section);
    let text = if script.one_in(2) { evade(&mut script.rng, lang, &plain) } else { plain };
    let message = somewhere(script, lang, text);
    let id = script.say(&person, message);
    script.suspect(id);
}

fn somewhere(script: &mut Script, lang: Lang, text: String) -> Message {
    if script.one_in(3) {
        return Message::new(Channel::Post, text);
    }
    Message::inside(script.cast.room(&mut script.rng, lang), text)
}

fn lone_fraud(script: &mut Script, lang: Lang) {
    lone(script, lang, "fraud");
}

fn lone_harm(script: &mut Script, lang: Lang) {
    let section = HARMS[script.rng.usize(..HARMS.len())];
    lone(script, lang, section);
}

/// One text from many new accounts within minutes, each washing it a little.
fn campaign(script: &mut Script, lang: Lang) {
    let section = ["fraud", "gambling", "spam", "sex", "cure"][script.rng.usize(..5)];
    let text = script.phrase(lang, section);
    let minutes = script.rng.i64(3..25);
    let now = script.now();
    for _ in 0..script.rng.usize(8..28) {
        let person = script.cast.burner(&mut script.rng, lang, now);
        let washed = wash(&mut script.rng, lang, &text);
        let after = script.rng.i64(0..minutes * MINUTE);
        let message = somewhere(script, lang, washed);
        let id = script.say(&person, Message { after, ..message });
        if script.one_in(6) {
            script.suspect(id);
        }
    }
}

/// One account drops the same text into one group after the other.
fn flood(script: &mut Script, lang: Lang) {
    let now = script.now();
    let person = script.cast.burner(&mut script.rng, lang, now);
    let section = ["spam", "gambling", "fraud"][script.rng.usize(..3)];
    let text = script.phrase(lang, section);
    let mut after = 0;
    for _ in 0..script.rng.usize(4..10) {
        after += script.rng.i64(5 * SECOND..60 * SECOND);
        let room = script.cast.room(&mut script.rng, lang);
        script.say(&person, Message { after, ..Message::inside(room, text.clone()) });
    }
}

fn insult(script: &mut Script, lang: Lang) {
    let room = script.cast.room(&mut script.rng, lang);
    let person = script.cast.member(&mut script.rng, room);
    let plain = script.phrase(lang, "abuse");
    let text = if script.one_in(3) { evade(&mut script.rng, lang, &plain) } else { plain };
    let answered = script.recent(lang, Some(room)).map(|said| said.id);
    let id = script.say(&person, Message { reply_to: answered, ..Message::inside(room, text) });
    script.suspect(id);
}

/// A harmless post, and strangers who fall upon it.
fn pile_on(script: &mut Script, lang: Lang) {
    let victim = script.cast.somebody(&mut script.rng, lang);
    let text = script.phrase(lang, "abuse_target");
    let target = script.say(&victim, Message::new(Channel::Post, text));
    for _ in 0..script.rng.usize(3..8) {
        let section = if script.one_in(4) { "reply" } else { "abuse" };
        reply_to(script, lang, &target, section, 20 * MINUTE);
    }
}

fn reply_to(script: &mut Script, lang: Lang, id: &str, section: &str, within: Millis) {
    let person = script.cast.somebody(&mut script.rng, lang);
    let text = script.phrase(lang, section);
    let after = script.rng.i64(20 * SECOND..within);
    let reply_to = Some(id.to_owned());
    script.say(&person, Message { after, reply_to, ..Message::new(Channel::Post, text) });
}

/// Somebody who needs help, and those who answer.
fn call_for_help(script: &mut Script, lang: Lang) {
    let person = script.cast.somebody(&mut script.rng, lang);
    let text = script.phrase(lang, "self_harm");
    let id = script.say(&person, Message::new(Channel::Post, text));
    for _ in 0..script.rng.usize(1..4) {
        reply_to(script, lang, &id, "comfort", 15 * MINUTE);
    }
}

fn advert(script: &mut Script, lang: Lang, section: &str) -> String {
    let person = script.cast.somebody(&mut script.rng, lang);
    let text = script.phrase(lang, section);
    let reach = Some(1000 + reach(script));
    script.say(&person, Message { reach, ..Message::new(Channel::Ad, text) })
}

fn bad_advert(script: &mut Script, lang: Lang) {
    let section = if script.one_in(4) { "cure" } else { "ad_bad" };
    let id = advert(script, lang, section);
    script.suspect(id);
}

fn honest_advert(script: &mut Script, lang: Lang) {
    advert(script, lang, "ad_honest");
}

/// An article: a title, an opening, a few paragraphs in any order, an end.
fn write_article(script: &mut Script, lang: Lang) -> Message {
    let title = script.phrase(lang, "article_title");
    let mut paragraphs = vec![script.phrase(lang, "article_open")];
    for _ in 0..script.rng.usize(3..7) {
        let paragraph = script.phrase(lang, "article_mid");
        if !paragraphs.contains(&paragraph) {
            paragraphs.push(paragraph);
        }
    }
    paragraphs.push(script.phrase(lang, "article_end"));
    Message { title: Some(title), ..Message::new(Channel::Article, paragraphs.join("\n\n")) }
}

fn article(script: &mut Script, lang: Lang) {
    let person = script.cast.somebody(&mut script.rng, lang);
    let message = write_article(script, lang);
    script.say(&person, message);
}

/// An article that others publish as their own: word for word, with a new title, or cut short; and one who says so.
fn copied_article(script: &mut Script, lang: Lang) {
    let author = script.cast.somebody(&mut script.rng, lang);
    let original = write_article(script, lang);
    let id = script.say(&author, original.clone());
    for copy in 0..script.rng.usize(2..5) {
        let person = script.cast.somebody(&mut script.rng, lang);
        let title = if script.one_in(2) { original.title.clone() } else { Some(script.phrase(lang, "article_title")) };
        let text = if script.one_in(3) { without_the_end(&original.text) } else { original.text.clone() };
        let after = script.rng.i64(10 * MINUTE..120 * MINUTE);
        let forward_of = (copy == 0).then(|| id.clone());
        script.say(&person, Message { after, title, forward_of, ..Message::new(Channel::Article, text) });
    }
}

fn without_the_end(text: &str) -> String {
    text.rsplit_once("\n\n").map_or(text, |(start, _)| start).to_owned()
}

fn film(script: &mut Script, person: &Person, transcript: &str) -> String {
    let lang = person.lang;
    let title = Some(script.phrase(lang, "video_title"));
    let text = script.phrase(lang, "video_text");
    let hash = Some(format!("{:016x}{:016x}", script.rng.u64(..), script.rng.u64(..)));
    let spoken = Some(script.phrase(lang, transcript));
    let media = vec![Media { kind: "video".to_owned(), alg: Some("pdq".to_owned()), hash, text: spoken }];
    let reach = Some(reach(script));
    script.say(person, Message { title, media, reach, ..Message::new(Channel::Video, text) })
}

fn video(script: &mut Script, lang: Lang) {
    let person = script.cast.somebody(&mut script.rng, lang);
    film(script, &person, "transcript");
}

/// A video that says in its sound what its title does not.
fn bad_video(script: &mut Script, lang: Lang) {
    let now = script.now();
    let person = script.cast.burner(&mut script.rng, lang, now);
    let id = film(script, &person, "transcript_bad");
    script.suspect(id);
}

/// A post, and those who pass it on: many at once, then fewer and fewer.
fn cascade(script: &mut Script, lang: Lang, root: &str, forwards: usize) {
    let mut after = 0;
    for _ in 0..forwards {
        after += script.rng.i64(SECOND..40 * SECOND) + after / 12;
        let person = script.cast.somebody(&mut script.rng, lang);
        let text = script.phrase(lang, "forward");
        let forward_of = Some(root.to_owned());
        script.say(&person, Message { after, forward_of, ..Message::new(Channel::Post, text) });
    }
}

/// A rumor goes round, in public and in groups, and is refuted in the end.
fn rumor(script: &mut Script, lang: Lang) {
    let person = script.cast.somebody(&mut script.rng, lang);
    let text = script.phrase(lang, "rumor");
    let root = script.say(&person, Message::new(Channel::Post, text.clone()));
    let forwards = script.rng.usize(12..40);
    cascade(script, lang, &root, forwards);
    for _ in 0..script.rng.usize(2..6) {
        let room = script.cast.room(&mut script.rng, lang);
        let member = script.cast.member(&mut script.rng, room);
        let after = script.rng.i64(MINUTE..60 * MINUTE);
        script.say(&member, Message { after, ..Message::inside(room, text.clone()) });
    }
    reply_to(script, lang, &root, "refute", 90 * MINUTE);
}

fn refutation(script: &mut Script, lang: Lang) {
    let text = script.phrase(lang, "refute");
    official(script, lang, "factcheck.example", text);
}

fn popular_post(script: &mut Script, lang: Lang) {
    let person = script.cast.somebody(&mut script.rng, lang);
    let text = script.phrase(lang, "post");
    let root = script.say(&person, Message { reach: Some(50_000), ..Message::new(Channel::Post, text) });
    let forwards = script.rng.usize(8..24);
    cascade(script, lang, &root, forwards);
}

fn official(script: &mut Script, lang: Lang, authority: &str, text: String) -> String {
    let number = script.rng.u64(1..6);
    let person = script.cast.official(number, lang, authority);
    let reach = Some(100_000 + reach(script));
    script.say(&person, Message { reach, ..Message::new(Channel::Post, text) })
}

/// Police and other authorities speak of what they warn against; members pass it on in their groups.
fn warning(script: &mut Script, lang: Lang) {
    let text = script.phrase(lang, "police");
    if script.one_in(2) {
        let room: Room = script.cast.room(&mut script.rng, lang);
        let member = script.cast.member(&mut script.rng, room);
        script.say(&member, Message { after: 5 * MINUTE, ..Message::inside(room, text.clone()) });
    }
    official(script, lang, "police.example", text);
}

fn news(script: &mut Script, lang: Lang) {
    let text = script.phrase(lang, "news");
    official(script, lang, "news.example", text);
}

/// A notice that nothing may fold or limit, however often it is passed on.
fn emergency(script: &mut Script, lang: Lang) {
    let text = script.phrase(lang, "emergency");
    let root = official(script, lang, "emergency.example", text);
    cascade(script, lang, &root, 20);
}

/// Somebody shows a scam that they got, to warn the others.
fn reported_scam(script: &mut Script, lang: Lang) {
    let room = script.cast.room(&mut script.rng, lang);
    let member = script.cast.member(&mut script.rng, room);
    let scam = script.phrase(lang, "fraud");
    let text = match lang {
        Lang::Zh => format!("大家小心，刚收到这种诈骗信息：“{scam}”，千万别信，我已经举报了"),
        Lang::En => format!("careful everyone, I just got this scam: \"{scam}\" do not reply, I reported it"),
    };
    script.say(&member, Message::inside(room, text));
}

/// A reviewer goes through what was put before them: two of three suspicions stand.
fn review(script: &mut Script, _: Lang) {
    let outcome = if script.one_in(3) { Outcome::Overturned } else { Outcome::Upheld };
    script.review(outcome);
}
