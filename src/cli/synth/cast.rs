//! Who speaks, and where. Everybody is worked out from a number when they speak, so a cast of millions takes no memory.

use fastrand::Rng;

use crate::event::{Account, Millis};

const DAY: Millis = 86_400_000;

/// A language that people write in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lang {
    Zh,
    En,
}

impl Lang {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }
}

/// Somebody with an account.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) lang: Lang,
    pub(super) account: Account,
}

/// A group, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    number: u64,
    pub(super) lang: Lang,
    /// Whether it is a group of pupils.
    pub(super) minors: bool,
}

impl Room {
    pub(super) fn id(self) -> String {
        format!("g-{:08x}", mix(self.number, 3) >> 32)
    }
}

/// How many people and rooms there are, and how to find one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cast {
    people: u64,
    rooms: u64,
    start: Millis,
}

impl Cast {
    /// A cast for a day of so many events.
    pub(super) fn new(events: u64, start: Millis) -> Self {
        Self { people: (events / 2).max(800), rooms: (events / 60).max(24), start }
    }

    /// Somebody who speaks that language: a few speak often, most seldom.
    pub(super) fn somebody(self, rng: &mut Rng, lang: Lang) -> Person {
        // Every third person writes English; the way there keeps the ranks.
        let third = zipf(rng, self.people / 3);
        let number = match lang {
            Lang::En => third * 3,
            Lang::Zh => third * 3 + 1 + u64::from(rng.bool()),
        };
        self.person(number)
    }

    fn person(self, number: u64) -> Person {
        let mut rng = Rng::with_seed(mix(number, 1));
        let days = 20 + zipf(&mut rng, 4000) as Millis;
        Person {
            id: format!("a-{:012x}", mix(number, 2) >> 16),
            lang: if number.is_multiple_of(3) { Lang::En } else { Lang::Zh },
            account: Account {
                created_at: Some(self.start - days * DAY - rng.i64(0..DAY)),
                verified: Some(rng.u8(..20) == 0),
                authority: None,
                followers: Some(zipf(&mut rng, 50_000)),
            },
        }
    }

    /// An account opened a few days before, for one purpose.
    pub(super) fn burner(self, rng: &mut Rng, lang: Lang, now: Millis) -> Person {
        let mut person = self.person(rng.u64(..));
        person.lang = lang;
        person.account = Account {
            created_at: Some(now - rng.i64(600_000..6 * DAY)),
            verified: Some(false),
            authority: None,
            followers: Some(rng.u64(..6)),
        };
        person
    }

    /// The account of an authority or a newsroom.
    pub(super) fn official(self, number: u64, lang: Lang, authority: &str) -> Person {
        let mut person = self.person(u64::MAX - number);
        person.lang = lang;
        person.account = Account {
            created_at: Some(self.start - 3000 * DAY),
            verified: Some(true),
            authority: Some(authority.to_owned()),
            followers: Some(200_000 + 1000 * number),
        };
        person
    }

    /// A group in that language.
    pub(super) fn room(self, rng: &mut Rng, lang: Lang) -> Room {
        let number = zipf(rng, self.rooms / 2) * 2 + u64::from(lang == Lang::En);
        Room { number, lang, minors: number % 10 >= 8 }
    }

    /// A member of that group: a few of them do most of the talking.
    pub(super) fn member(self, rng: &mut Rng, room: Room) -> Person {
        let seat = zipf(rng, 40);
        let third = mix(room.number * 64 + seat, 4) % (self.people / 3);
        self.person(third * 3 + u64::from(room.lang == Lang::Zh))
    }
}

/// A rank below `n`, each about as likely as one over its number. Whole numbers only: the same on every machine.
pub(super) fn zipf(rng: &mut Rng, n: u64) -> u64 {
    let n = n.max(1);
    loop {
        let bits = rng.u32(..=n.ilog2());
        let rank = (1 << bits) + rng.u64(..1 << bits) - 1;
        if rank < n {
            return rank;
        }
    }
}

/// Scatters a number over all 64 bits, one to one (the finaliser of `SplitMix64`).
pub(super) fn mix(number: u64, salt: u64) -> u64 {
    let mut z = number.wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_speak_often_and_most_seldom() {
        let mut rng = Rng::with_seed(5);
        let ranks: Vec<u64> = (0..10_000).map(|_| zipf(&mut rng, 1000)).collect();
        let first_ten = ranks.iter().filter(|&&rank| rank < 10).count();
        assert!((2_500..4_500).contains(&first_ten), "{first_ten}");
        assert!(ranks.iter().all(|&rank| rank < 1000));
        assert!(ranks.iter().any(|&rank| rank > 900));
    }

    #[test]
    fn people_speak_their_language_and_stay_the_same() {
        let cast = Cast::new(4000, 0);
        let mut rng = Rng::with_seed(9);
        for lang in [Lang::Zh, Lang::En] {
            for _ in 0..200 {
                let person = cast.somebody(&mut rng, lang);
                assert_eq!(person.lang, lang);
                let room = cast.room(&mut rng, lang);
                assert_eq!(cast.member(&mut rng, room).lang, lang);
            }
        }
        assert_eq!(cast.person(7).id, cast.person(7).id);
    }
}
