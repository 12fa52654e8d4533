//! One pass over a JSON object into a flat table of everything that any kind of record may say.
//!
//! Written by hand because a derived reader would allocate for every optional string, cannot say which key was wrong,
//! and would have to read twice to dispatch on `kind`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;

use super::{BAD_JSON, BAD_VALUE, DUPLICATE_FIELD, Fault, unknown};
use crate::event::{Account, Audience, Channel, Media, Millis, Outcome, rfc3339_or_millis};

macro_rules! keys {
    ($($variant:ident $name:literal),* $(,)?) => {
        /// The keys that records have.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Key { $($variant,)* Other }

        impl Key {
            /// Its name on the wire.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* Self::Other => "an unknown key" }
            }

            const ALL: &'static [Self] = &[$(Self::$variant),*];
        }
    };
}

impl Key {
    /// The key in each slot: length and first letter together tell all keys apart, which the build checks.
    const SLOTS: [Self; 256] = {
        let mut slots = [Self::Other; 256];
        let mut index = 0;
        while index < Self::ALL.len() {
            let key = Self::ALL[index];
            let slot = Self::slot(key.name().as_bytes());
            assert!(matches!(slots[slot], Self::Other), "two keys share a slot");
            slots[slot] = key;
            index += 1;
        }
        slots
    };

    const fn slot(name: &[u8]) -> usize {
        (name[0] as usize + 32 * name.len()) % 256
    }

    /// One comparison a key: a `match` over the names makes one for each of them.
    #[inline]
    fn from_name(name: &str) -> Self {
        if name.is_empty() {
            return Self::Other;
        }
        let key = Self::SLOTS[Self::slot(name.as_bytes())];
        if key.name() == name { key } else { Self::Other }
    }
}

keys! {
    Id "id", Channel "channel", Author "author", At "at", Room "room", Title "title", Text "text", Lang "lang",
    Region "region", ForwardOf "forward_of", ReplyTo "reply_to", Links "links", Media "media", Account "account",
    Audience "audience", Reach "reach", Kind "kind", Event "event", Outcome "outcome", By "by",
}

/// What an object said, unchecked.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) channel: Option<Channel>,
    pub(super) author: Option<Cow<'a, str>>,
    pub(super) at: Option<Millis>,
    pub(super) room: Option<Cow<'a, str>>,
    pub(super) title: Option<Cow<'a, str>>,
    pub(super) text: Option<Cow<'a, str>>,
    pub(super) lang: Option<Cow<'a, str>>,
    pub(super) region: Option<Cow<'a, str>>,
    pub(super) forward_of: Option<Cow<'a, str>>,
    pub(super) reply_to: Option<Cow<'a, str>>,
    pub(super) links: Vec<Cow<'a, str>>,
    pub(super) media: Vec<Media>,
    pub(super) account: Option<Account>,
    pub(super) audience: Option<Audience>,
    pub(super) reach: Option<u64>,
    pub(super) kind: Option<Cow<'a, str>>,
    pub(super) event: Option<Cow<'a, str>>,
    pub(super) outcome: Option<Outcome>,
    pub(super) by: Option<Cow<'a, str>>,
    /// The keys seen, a bit each.
    seen: u32,
    /// The key whose value is being read: what a failure is about.
    current: Option<Key>,
    /// A failure that is better told than by serde.
    fault: Option<Fault>,
}

impl<'a> Fields<'a> {
    /// Reads one object and nothing after it. In place, because the table is too large to be moved about.
    pub(super) fn read(&mut self, text: &'a str) -> Result<(), Fault> {
        let mut json = serde_json::Deserializer::from_str(text);
        let read = json.deserialize_map(Object(self)).and_then(|()| json.end());
        read.map_err(|error| self.blame(&error))
    }

    fn blame(&mut self, error: &serde_json::Error) -> Fault {
        if let Some(fault) = self.fault.take() {
            return fault;
        }
        let told = error.to_string();
        let told = told.rsplit_once(" at line ").map_or(told.as_str(), |(told, _)| told);
        let byte = error.column();
        match (error.classify(), self.current) {
            (Category::Data, Some(key)) => Fault::new(BAD_VALUE, format!("{}: {told} (byte {byte})", key.name())),
            (Category::Data, None) => Fault::new(BAD_JSON, format!("{told} (byte {byte})")),
            _ => Fault::new(BAD_JSON, format!("{told} at byte {byte}")),
        }
    }

    fn refuse<E: de::Error>(&mut self, fault: Fault) -> E {
        self.fault = Some(fault);
        E::custom("refused")
    }

    #[inline]
    fn value<A: MapAccess<'a>>(&mut self, key: Key, map: &mut A) -> Result<(), A::Error> {
        match key {
            Key::Id => self.id = text(map)?,
            Key::Channel => self.channel = self.channel(map)?,
            Key::Author => self.author = text(map)?,
            Key::At => self.at = map.next_value::<Option<At>>()?.map(|At(at)| at),
            Key::Room => self.room = text(map)?,
            Key::Title => self.title = text(map)?,
            Key::Text => self.text = text(map)?,
            Key::Lang => self.lang = text(map)?,
            Key::Region => self.region = text(map)?,
            Key::ForwardOf => self.forward_of = text(map)?,
            Key::ReplyTo => self.reply_to = text(map)?,
            Key::Links => self.links = links(map)?,
            Key::Media => self.media = map.next_value::<Option<_>>()?.unwrap_or_default(),
            Key::Account => self.account = map.next_value()?,
            Key::Audience => self.audience = map.next_value()?,
            Key::Reach => self.reach = map.next_value()?,
            Key::Kind => self.kind = text(map)?,
            Key::Event => self.event = text(map)?,
            Key::Outcome => self.outcome = self.outcome(map)?,
            Key::By => self.by = text(map)?,
            Key::Other => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    #[inline]
    fn channel<A: MapAccess<'a>>(&mut self, map: &mut A) -> Result<Option<Channel>, A::Error> {
        let Some(name) = text(map)? else { return Ok(None) };
        let known = || Channel::ALL.map(Channel::name);
        Channel::from_name(&name).map(Some).ok_or_else(|| self.refuse(unknown(Key::Channel, &name, &known())))
    }

    fn outcome<A: MapAccess<'a>>(&mut self, map: &mut A) -> Result<Option<Outcome>, A::Error> {
        match text(map)?.as_deref() {
            None => Ok(None),
            Some("upheld") => Ok(Some(Outcome::Upheld)),
            Some("overturned") => Ok(Some(Outcome::Overturned)),
            Some(other) => Err(self.refuse(unknown(Key::Outcome, other, &["upheld", "overturned"]))),
        }
    }
}

#[inline]
fn text<'a, A: MapAccess<'a>>(map: &mut A) -> Result<Option<Cow<'a, str>>, A::Error> {
    Ok(map.next_value::<Option<Text<'a>>>()?.map(|Text(text)| text))
}

fn links<'a, A: MapAccess<'a>>(map: &mut A) -> Result<Vec<Cow<'a, str>>, A::Error> {
    let links: Option<Vec<Text<'a>>> = map.next_value()?;
    Ok(links.unwrap_or_default().into_iter().map(|Text(link)| link).collect())
}

struct Object<'c, 'a>(&'c mut Fields<'a>);

impl<'de> Visitor<'de> for Object<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let fields = self.0;
        while let Some(key) = map.next_key::<Key>()? {
            fields.current = Some(key);
            let bit = 1 << key as u32;
            if key != Key::Other && fields.seen & bit != 0 {
                return Err(fields.refuse(Fault::new(DUPLICATE_FIELD, format!("{} stands twice", key.name()))));
            }
            fields.seen |= bit;
            fields.value(key, &mut map)?;
        }
        fields.current = None;
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Key {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            #[inline]
            fn visit_str<E: de::Error>(self, name: &str) -> Result<Key, E> {
                Ok(Key::from_name(name))
            }
        }
        d.deserialize_identifier(KeyVisitor)
    }
}

/// A string that borrows where it can, inside `Option` and `Vec` too, which a derived `Cow` does not.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            #[inline]
            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        d.deserialize_str(TextVisitor)
    }
}

#[derive(Deserialize)]
struct At(#[serde(with = "rfc3339_or_millis")] Millis);
