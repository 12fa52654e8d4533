//! The signals that every edition knows, and how one event fills them.
//!
//! One table says name, type, default and meaning of each; `docs/signals.md` is printed from it. A signal that no rule
//! reads is never computed, and one that has its default value is not raised, so that rules which rest on it sleep.

use std::sync::Arc;

use crate::claims::{Claim, Match};
use crate::classify::Label;
use crate::event::{Channel, Event, Millis};
use crate::keywords::{Hits, ListHits, ListId, Matcher};
use crate::neardup::{Copied, Twin};
use crate::signal::{Catalogue, Signals, Slot, Type, Value};
use crate::state::Counts;
use crate::text::Shape;

use super::observe::Class;

/// Everything that is known of one event before judging.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) event: &'a Event<'a>,
    pub(crate) shape: &'a Shape,
    pub(crate) hits: Option<&'a Hits>,
    pub(crate) counts: &'a Counts,
    pub(crate) standing: Standing,
    pub(crate) trusted: bool,
    /// What the classifier says, where some rule asks.
    pub(crate) class: Option<&'a Class>,
    /// What it is a near-duplicate of, where that was looked for.
    pub(crate) twin: Option<&'a Twin>,
    /// What an article has of one that somebody else published before.
    pub(crate) copied: Option<&'a Copied>,
    /// Whether it is long enough to be looked up among articles.
    pub(crate) is_article: bool,
    /// Whether the author is that of the first member.
    pub(crate) is_own: bool,
    /// The refuted claim that it repeats.
    pub(crate) claim: Option<(&'a Claim, &'a Match)>,
    /// Whether it passes on an event that was labelled for a refuted claim.
    pub(crate) is_inherited: bool,
    /// Whether it doubts the event that it passes on or answers.
    pub(crate) doubts: bool,
    /// Whole hours since the room was told about that claim.
    pub(crate) told_hours: Option<Millis>,
    /// The kinds of action on the first member, where some rule reads them.
    pub(crate) judged: &'a [Arc<str>],
}

/// What the ladder holds against an author in the event's channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) points: u32,
    pub(crate) strikes: u32,
}

macro_rules! base_signals {
    ($($name:literal, $ty:ident, $default:expr, $about:literal, $fill:expr;)*) => {
        /// The fixed signals, in the order of the documentation.
        const BASE: &[Base] = &[$(Base { name: $name, ty: Type::$ty, default: || $default, about: $about },)*];

        /// Raises those of the fixed signals that have a slot here, in the same order. Straight code: a table of
        /// functions would cost every event a call and a value in memory for each of them.
        fn raise_base(slots: &[Option<Slot>], known: &Known<'_>, signals: &mut Signals) {
            let mut slots = slots.iter();
            $(if let Some(&Some(slot)) = slots.next() {
                signals.raise(slot, known.ask($fill));
            })*
        }
    };
}

/// One row of the table.
struct Base {
    name: &'static str,
    ty: Type,
    default: fn() -> Value,
    about: &'static str,
}

impl<'a> Known<'a> {
    #[inline(always)]
    fn ask(&self, fill: impl Fn(&Known<'a>) -> Value) -> Value {
        fill(self)
    }
}

fn int(n: impl Into<i64>) -> Value {
    Value::Int(n.into())
}

fn size(n: usize) -> Value {
    Value::Int(i64::try_from(n).unwrap_or(i64::MAX))
}

fn share(n: f64) -> Value {
    Value::Float(n)
}

fn text_or_missing(text: Option<&str>) -> Value {
    text.map_or(Value::Missing, |text| Value::Text(text.into()))
}

fn account<'a>(known: &Known<'a>) -> Option<&'a crate::event::Account> {
    known.event.account.as_ref()
}

/// Stands for never, where hours are asked for.
const NEVER_HOURS: i64 = 1_000_000;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn account_age(known: &Known<'_>) -> Value {
    let created = account(known).and_then(|account| account.created_at);
    created.map_or(Value::Missing, |created| Value::Int((known.event.at - created).max(0) / DAY_MS))
}

/// Two digits after the point are enough for a rule, and what a reason prints.
fn beat(n: f32) -> Value {
    share((f64::from(n) * 100.0).round() / 100.0)
}

/// A channel's name as a value, without an allocation an event.
fn channel_value(channel: Channel) -> Value {
    static NAMES: std::sync::LazyLock<Vec<Arc<str>>> =
        std::sync::LazyLock::new(|| Channel::ALL.iter().map(|channel| channel.name().into()).collect());
    Value::Text(Arc::clone(&NAMES[channel as usize]))
}

/// The twin that came before, if there is one.
fn earlier<'a>(known: &Known<'a>) -> Option<&'a Twin> {
    known.twin.filter(|twin| !twin.is_new)
}

/// Articles have an index of their own, which knows who published first; what is too short for it has the window.
fn contained(known: &Known<'_>) -> f64 {
    let copied = known.copied.map(|copied| copied.containment);
    let twin = || earlier(known).filter(|_| !known.is_article).map(|twin| twin.containment);
    copied.or_else(twin).map_or(0.0, f64::from)
}

/// Something of the claim that it repeats; the default where it repeats none.
fn claimed<'a>(known: &Known<'a>, of: impl Fn(&'a Claim, &'a Match) -> &'a str) -> Value {
    Value::Text(known.claim.map_or("", |(claim, found)| of(claim, found)).into())
}

fn attributed(known: &Known<'_>) -> bool {
    let is_forward = known.event.forward_of.is_some() && earlier(known).is_some();
    is_forward || known.copied.is_some_and(|copied| copied.is_attributed)
}

/// Steps of a ten-thousandth, from a half on: below, rules that rest on it sleep.
fn probability(known: &Known<'_>, label: Label) -> Value {
    let probability = known.class.map_or(0.0, |class| f64::from(class.scores[label as usize]));
    share(if probability >= 0.5 { (probability * 1e4).round() / 1e4 } else { 0.0 })
}

fn acted(known: &Known<'_>) -> Value {
    let bits = known.class.map_or(0, |class| class.acted);
    let labels = Label::ALL.into_iter().filter(|&label| bits >> label as u8 & 1 == 1);
    Value::Texts(if bits == 0 { [].into() } else { labels.map(|label| label.name().into()).collect() })
}

base_signals! {
    "channel", Text, Value::Text("".into()), "Where it was published: article, video, ad, post or group.", |k| channel_value(k.event.channel);
    "lang", Text, Value::Missing, "The language that the event names.", |k| text_or_missing(k.event.lang.as_deref());
    "region", Text, Value::Missing, "The region that the event names.", |k| text_or_missing(k.event.region.as_deref());
    "text.chars", Int, Value::Int(0), "Visible characters of title, text and media text together.", |k| size(k.shape.chars);
    "text.links", Int, Value::Int(0), "Links in the texts, and those that the event lists.", |k| size(k.shape.links);
    "text.mentions", Int, Value::Int(0), "Mentions such as @name.", |k| size(k.shape.mentions);
    "text.hashtags", Int, Value::Int(0), "Hashtags such as #topic#.", |k| size(k.shape.hashtags);
    "text.digits_run", Int, Value::Int(0), "The longest run of digits, separators between them ignored.", |k| size(k.shape.digits_run);
    "text.emoji", Int, Value::Int(0), "Emoji.", |k| size(k.shape.emoji);
    "text.invisible", Int, Value::Int(0), "Invisible characters: zero-width, bidi controls, variation selectors.", |k| size(k.shape.invisible);
    "text.repeat_max", Int, Value::Int(0), "The longest run of one visible character.", |k| size(k.shape.repeat_max);
    "text.han_share", Float, Value::Float(0.0), "The share of characters that are Han.", |k| share(k.shape.han_share);
    "text.latin_share", Float, Value::Float(0.0), "The share of characters that are Latin letters.", |k| share(k.shape.latin_share);
    "text.upper_share", Float, Value::Float(0.0), "The share of Latin letters that are capitals.", |k| share(k.shape.upper_share);
    "text.spaced_share", Float, Value::Float(0.0), "The share of characters that are separators standing between two word characters.", |k| share(k.shape.spaced_share);
    "event.forward", Bool, Value::Bool(false), "Whether it passes another event on.", |k| Value::Bool(k.event.forward_of.is_some());
    "event.reply", Bool, Value::Bool(false), "Whether it answers another event.", |k| Value::Bool(k.event.reply_to.is_some());
    "event.media", Int, Value::Int(0), "Media attached.", |k| size(k.event.media.len());
    "event.reach", Int, Value::Missing, "How many people it reaches, where the event says.", |k| k.event.reach.map_or(Value::Missing, |n| Value::Int(i64::try_from(n).unwrap_or(i64::MAX)));
    "audience.minors", Bool, Value::Bool(false), "Whether minors are among those who see it.", |k| Value::Bool(k.event.audience.is_some_and(|audience| audience.minors));
    "account.age_days", Int, Value::Missing, "Whole days since the account was opened.", account_age;
    "account.verified", Bool, Value::Missing, "Whether the platform has verified the account.", |k| account(k).and_then(|account| account.verified).map_or(Value::Missing, Value::Bool);
    "account.followers", Int, Value::Missing, "How many follow the account.", |k| account(k).and_then(|account| account.followers).map_or(Value::Missing, |n| Value::Int(i64::try_from(n).unwrap_or(i64::MAX)));
    "account.authority", Text, Value::Missing, "The authority that the account speaks for.", |k| text_or_missing(account(k).and_then(|account| account.authority.as_deref()));
    "account.trusted", Bool, Value::Bool(false), "Whether that authority is on the edition's list (authorities.txt).", |k| Value::Bool(k.trusted);
    "author.posts_1m", Int, Value::Int(0), "Events by this author within a minute, this one included.", |k| int(k.counts.author_posts_1m);
    "author.posts_10m", Int, Value::Int(0), "Events by this author within ten minutes.", |k| int(k.counts.author_posts_10m);
    "author.posts_1h", Int, Value::Int(0), "Events by this author within an hour.", |k| int(k.counts.author_posts_1h);
    "author.posts_1d", Int, Value::Int(0), "Events by this author within a day.", |k| int(k.counts.author_posts_1d);
    "author.links_1h", Int, Value::Int(0), "Links by this author within an hour.", |k| int(k.counts.author_links_1h);
    "author.hits_1d", Int, Value::Int(0), "Events by this author within a day in which any word list hit.", |k| int(k.counts.author_hits_1d);
    "author.same_1h", Int, Value::Int(0), "Events by this author within an hour with this very text, this one included.", |k| int(k.counts.author_same_1h);
    "author.rooms_1h", Int, Value::Int(0), "Distinct rooms that this author spoke in within an hour.", |k| int(k.counts.author_rooms_1h);
    "author.known_days", Int, Value::Int(0), "Whole days since this stage first saw the author.", |k| int(k.counts.author_known_days);
    "author.first", Bool, Value::Bool(false), "Whether this is the first event seen of the author.", |k| Value::Bool(k.counts.author_first);
    "author.points", Int, Value::Int(0), "Unexpired points of the author in this channel, before this event.", |k| int(k.standing.points);
    "author.strikes", Int, Value::Int(0), "Unexpired strikes of the author in this channel, before this event.", |k| int(k.standing.strikes);
    "room.posts_1m", Int, Value::Int(0), "Events in this room within a minute.", |k| int(k.counts.room_posts_1m);
    "room.posts_10m", Int, Value::Int(0), "Events in this room within ten minutes.", |k| int(k.counts.room_posts_10m);
    "room.posts_1h", Int, Value::Int(0), "Events in this room within an hour.", |k| int(k.counts.room_posts_1h);
    "room.authors_10m", Int, Value::Int(0), "Distinct authors in this room within ten minutes.", |k| int(k.counts.room_authors_10m);
    "room.hits_1h", Int, Value::Int(0), "Events in this room within an hour in which any word list hit.", |k| int(k.counts.room_hits_1h);
    "twin.similarity", Float, Value::Float(0.0), "How like it is to the first message of its cluster of near-duplicates: shared grams of characters by all of both; 1 for the same letters. 0 where it is like nothing before.", |k| share(earlier(k).map_or(0.0, |twin| twin.similarity.into()));
    "twin.containment", Float, Value::Float(0.0), "The share of it that stands in that first message; of an article, the share that stands in one by somebody else published before.", |k| share(contained(k));
    "twin.members", Int, Value::Int(0), "Messages of that cluster so far, this one included.", |k| int(k.counts.cluster.members);
    "twin.authors", Int, Value::Int(0), "Distinct authors of that cluster, exact up to 64.", |k| int(k.counts.cluster.authors);
    "twin.authors_10m", Int, Value::Int(0), "Distinct authors of that cluster within ten minutes, exact up to 64.", |k| int(k.counts.cluster.authors_10m);
    "twin.members_10m", Int, Value::Int(0), "Messages of that cluster within ten minutes.", |k| int(k.counts.cluster.members_10m);
    "twin.members_1h", Int, Value::Int(0), "Messages of that cluster within an hour.", |k| int(k.counts.cluster.members_1h);
    "twin.growth", Float, Value::Float(0.0), "Messages of that cluster within ten minutes by those of the ten minutes before; 0 where there were none.", |k| share(k.counts.cluster.growth.into());
    "twin.age", Int, Value::Int(0), "Seconds since the first message of that cluster.", |k| Value::Int(k.counts.cluster.age_ms.max(0) / 1000);
    "twin.first", Bool, Value::Bool(false), "Whether near-duplicates were looked for and nothing before is like it.", |k| Value::Bool(k.twin.is_some_and(|twin| twin.is_new));
    "twin.own", Bool, Value::Bool(false), "Whether that first message is by the same author.", |k| Value::Bool(k.is_own);
    "twin.attributed", Bool, Value::Bool(false), "Whether it says whose the text is: a declared forward, a named source, a quotation.", |k| Value::Bool(attributed(k));
    "twin.judged", Texts, Value::Texts([].into()), "The kinds of action that the first message of that cluster got and that were not undone, sorted: fold, label, limit, notice, review.", |k| Value::Texts(k.judged.into());
    "claim.act", Bool, Value::Bool(false), "Whether it asserts a claim of the library that is refuted, in force and in date, surely enough to act on.", |k| Value::Bool(k.claim.is_some_and(|(_, found)| found.act));
    "claim.score", Float, Value::Float(0.0), "How likely it is that it repeats a claim of the library; 0 below a half.", |k| share(k.claim.map_or(0.0, |(_, found)| found.score.into()));
    "claim.stance", Text, Value::Text("".into()), "What it thinks of that claim: asserting, refuting, questioning or reporting; empty where it repeats none.", |k| claimed(k, |_, found| found.stance.name());
    "claim.id", Text, Value::Text("".into()), "The id of that claim in the library.", |k| claimed(k, |claim, _| &claim.id);
    "claim.verdict", Text, Value::Text("".into()), "What was found about that claim: false, misleading, unproven, true, satire or unrated.", |k| claimed(k, |claim, _| claim.verdict.name());
    "claim.authority", Text, Value::Text("".into()), "Who found it.", |k| claimed(k, |claim, _| &claim.authority);
    "claim.tier", Int, Value::Int(0), "The authority's tier: 1 national or international, 2 regional or professional, 3 media; 0 where nobody has said.", |k| int(k.claim.map_or(0, |(claim, _)| claim.tier.rank()));
    "claim.topic", Text, Value::Text("".into()), "What that claim is about, as the library says.", |k| claimed(k, |claim, _| &claim.topic);
    "claim.inherited", Bool, Value::Bool(false), "Whether it passes on an event that was labelled for a refuted claim, and that label stands.", |k| Value::Bool(k.is_inherited);
    "claim.doubts", Bool, Value::Bool(false), "Whether it passes on or answers another event and doubts it: asks for a source, calls it a rumor, says that it is not so.", |k| Value::Bool(k.doubts);
    "claim.told_hours", Int, Value::Int(NEVER_HOURS), "Whole hours since the room was last told about that claim by a notice; 1000000 where it was not.", |k| Value::Int(k.told_hours.unwrap_or(NEVER_HOURS));
    "rumor.followers", Int, Value::Int(0), "Forwards and replies so far of the event that it passes on or answers, this one included; 0 after a hundred.", |k| int(k.counts.follow.followers);
    "rumor.doubts", Int, Value::Int(0), "Of these, those that doubt it in words of their own that mean nothing else: ask for a source, call it a rumor.", |k| int(k.counts.follow.doubts);
    "rumor.doubt_rate", Float, Value::Float(0.0), "The share of these that doubts, said at the 20th, the 50th and the 100th of them and 0 at all others. An early sign for reviewers; never act on it alone.", |k| share(k.counts.follow.doubt_rate());
    "trend.room.burst", Float, Value::Float(0.0), "How far the room's messages of this hour lie above what its past leads one to expect, in standard deviations, from 5 on; else 0. Its past: the 24 hours before, and the same hour and weekday of the weeks before.", |k| beat(k.counts.beats.room.score);
    "trend.room.acted", Float, Value::Float(0.0), "While the room is in a burst: the share of its messages of this hour that rules acted on.", |k| beat(k.counts.beats.room.acted);
    "trend.room.news", Bool, Value::Bool(false), "Whether this is the message at which the room's burst is to be told: the first of the hour, and each time that their number has doubled since.", |k| Value::Bool(k.counts.beats.room.is_news);
    "trend.cluster.burst", Float, Value::Float(0.0), "The same for the members of the cluster of near-duplicates that it joined. Wishes on a festive evening burst too: ask for trend.cluster.acted as well.", |k| beat(k.counts.beats.cluster.score);
    "trend.cluster.acted", Float, Value::Float(0.0), "While that cluster is in a burst: the share of its members of this hour that rules acted on.", |k| beat(k.counts.beats.cluster.acted);
    "trend.cluster.news", Bool, Value::Bool(false), "Whether this is the member at which the cluster's burst is to be told.", |k| Value::Bool(k.counts.beats.cluster.is_news);
    "trend.claim.burst", Float, Value::Float(0.0), "The same for the messages that assert the claim which it asserts.", |k| beat(k.counts.beats.claim.score);
    "trend.claim.acted", Float, Value::Float(0.0), "While that claim is in a burst: the share of these messages of this hour that rules acted on.", |k| beat(k.counts.beats.claim.acted);
    "trend.claim.news", Bool, Value::Bool(false), "Whether this is the message at which the claim's burst is to be told.", |k| Value::Bool(k.counts.beats.claim.is_news);
    "class.abuse", Float, Value::Float(0.0), "The classifier's probability that title or text is an insult or attack on a person or group, where that is a half or more; else 0.", |k| probability(k, Label::Abuse);
    "class.hate", Float, Value::Float(0.0), "The classifier's probability that title or text is an attack on people for a protected trait, where that is a half or more; else 0.", |k| probability(k, Label::Hate);
    "class.sexual", Float, Value::Float(0.0), "The classifier's probability that title or text is pornographic content, or sexual services, where that is a half or more; else 0.", |k| probability(k, Label::Sexual);
    "class.gambling", Float, Value::Float(0.0), "The classifier's probability that title or text is an invitation to gamble, where that is a half or more; else 0.", |k| probability(k, Label::Gambling);
    "class.fraud", Float, Value::Float(0.0), "The classifier's probability that title or text is deceiving for money or data, where that is a half or more; else 0.", |k| probability(k, Label::Fraud);
    "class.spam_ads", Float, Value::Float(0.0), "The classifier's probability that title or text is an unsolicited advert or bulk promotion, where that is a half or more; else 0.", |k| probability(k, Label::SpamAds);
    "class.clickbait", Float, Value::Float(0.0), "The classifier's probability that title or text is a headline that baits, where that is a half or more; else 0.", |k| probability(k, Label::Clickbait);
    "class.act", Texts, Value::Texts([].into()), "The labels whose probability reaches the model's act threshold (models/guard/labels.toml), in its order. Never act on them alone.", acted;
    "words.any", Int, Value::Int(0), "Hits of all word lists together.", |k| size(k.hits.map_or(0, Hits::len));
}

/// The slots of one word list's signals.
#[derive(Clone, Copy, Debug)]
struct ListSlots {
    count: Slot,
    distinct: Slot,
    weight: Slot,
    terms: Slot,
    tags: Slot,
}

/// The catalogue of an edition: the fixed signals, and five for each word list.
pub(crate) fn catalogue<'a>(lists: impl IntoIterator<Item = &'a str>) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for base in BASE {
        catalogue.define(base.name, base.ty, (base.default)(), base.about);
    }
    for list in lists {
        define_list(&mut catalogue, list);
    }
    catalogue
}

fn define_list(catalogue: &mut Catalogue, list: &str) -> ListSlots {
    let mut define = |part: &str, ty, default, about: &str| {
        catalogue.define(&format!("words.{list}.{part}"), ty, default, &about.replace("{}", list))
    };
    ListSlots {
        count: define("count", Type::Int, Value::Int(0), "Hits of the word list `{}`."),
        distinct: define("distinct", Type::Int, Value::Int(0), "Distinct terms of the word list `{}` that hit."),
        weight: define("weight", Type::Float, Value::Float(0.0), "Sum of the weights of those terms."),
        terms: define("terms", Type::Texts, Value::Texts([].into()), "Those terms, as the list writes them."),
        tags: define("tags", Type::Texts, Value::Texts([].into()), "The tags of those terms, sorted."),
    }
}

/// How the signals that some rule reads are filled in, worked out once an edition.
pub(crate) struct Filler {
    /// The slots of the fixed signals that are read, in the order of their table.
    base: Vec<Option<Slot>>,
    lists: Vec<ListSlots>,
    uses: Box<[bool]>,
    /// Whether some rule reads what the ladder holds against an author.
    pub(crate) reads_standing: bool,
    /// Whether some rule reads what was done to the first of a cluster.
    pub(crate) reads_judged: bool,
    /// Whether some rule reads what was said of the event that is passed on.
    pub(crate) reads_inherited: bool,
    /// Whether some rule reads what the room was told.
    pub(crate) reads_told: bool,
    /// Whether some rule reads who doubts what.
    pub(crate) reads_doubts: bool,
    /// Whether some rule reads what the classifier says.
    pub(crate) reads_class: bool,
}

impl Filler {
    /// A filler for the slots for which `uses` answers true.
    pub(crate) fn new(catalogue: &Catalogue, matcher: &Matcher, uses: impl Fn(Slot) -> bool) -> Self {
        let slot = |name: &str| catalogue.slot(name).expect("the catalogue was made from the same table");
        let uses: Box<[bool]> = catalogue.iter().map(|(slot, _)| uses(slot)).collect();
        let base = BASE.iter().map(|base| Some(slot(base.name)).filter(|slot| uses[slot.index()])).collect();
        let part = |list: &str, part: &str| slot(&format!("words.{list}.{part}"));
        let slots = |list: &str| ListSlots {
            count: part(list, "count"),
            distinct: part(list, "distinct"),
            weight: part(list, "weight"),
            terms: part(list, "terms"),
            tags: part(list, "tags"),
        };
        let lists = matcher.lists().iter().map(|list| slots(&list.name)).collect();
        let reads_standing = ["author.points", "author.strikes"].iter().any(|name| uses[slot(name).index()]);
        let reads_judged = uses[slot("twin.judged").index()];
        let reads_inherited = uses[slot("claim.inherited").index()];
        let reads_told = uses[slot("claim.told_hours").index()];
        let of_doubts = ["claim.doubts", "rumor.followers", "rumor.doubts", "rumor.doubt_rate"];
        let reads_doubts = of_doubts.iter().any(|name| uses[slot(name).index()]);
        let of_class = BASE.iter().filter(|base| base.name.starts_with("class."));
        let reads_class = of_class.into_iter().any(|base| uses[slot(base.name).index()]);
        Self { base, lists, uses, reads_standing, reads_judged, reads_inherited, reads_told, reads_doubts, reads_class }
    }

    /// Raises what this event raises. `signals` must be clear.
    pub(crate) fn fill(&self, known: &Known<'_>, matcher: &Matcher, signals: &mut Signals) {
        raise_base(&self.base, known, signals);
        for hits in known.hits.iter().flat_map(|hits| hits.by_list(matcher)) {
            self.fill_list(&hits, signals);
        }
    }

    fn fill_list(&self, hits: &ListHits<'_>, signals: &mut Signals) {
        let slots = self.lists[hits.list.index()];
        let mut raise = |slot: Slot, value: &dyn Fn() -> Value| {
            if self.uses[slot.index()] {
                signals.set(slot, value());
            }
        };
        raise(slots.count, &|| size(hits.count()));
        raise(slots.distinct, &|| size(hits.distinct()));
        raise(slots.weight, &|| Value::Float(hits.weight()));
        raise(slots.terms, &|| Value::Texts(hits.terms().map(|term| Arc::clone(&term.text)).collect()));
        raise(slots.tags, &|| Value::Texts(hits.tags().into()));
    }

    /// The list whose signal a slot is, if it is one's: its hits are where the signal was found.
    pub(crate) fn list_of(&self, slot: Slot) -> Option<ListId> {
        let is_of = |list: &ListSlots| [list.count, list.distinct, list.weight, list.terms, list.tags].contains(&slot);
        self.lists.iter().position(is_of).map(|index| ListId(index as u16))
    }
}
