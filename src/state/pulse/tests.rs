//! Habits, bursts, silence, and that a journal gives what life gave.

use super::*;

/// A Monday.
const MONDAY: i64 = 1_789_344_000_000 / HOUR_MS;

/// What a room says in an hour of the week: little at night, much on the evenings, most on those of Fridays.
fn usual(room: u64, hour: i64) -> u32 {
    let (day, of_day) = ((hour - MONDAY) / 24 % 7, hour % 24);
    let base = 4 + room as u32 % 3 * 4;
    match (day, of_day) {
        (4, 18..=22) => base * 5,
        (_, 18..=22) => base * 2,
        (_, 0..=5) => base / 4,
        _ => base,
    }
}

/// Counts an event of a key and gives what it is told, as the state does.
fn say(pulses: &mut Pulses, kind: Pulsing, key: u64, at: Millis) -> Beat {
    let at = pulses.take(at);
    pulses.count(kind, key, at);
    let (beat, count) = pulses.beat(kind, key, at);
    if beat.is_news {
        pulses.change(PulseChange { kind, key, at, what: PulseNote::Told(count) });
    }
    beat
}

struct Town {
    pulses: Pulses,
    hour: i64,
    rooms: u64,
}

impl Town {
    fn new() -> Self {
        Self { pulses: Pulses::default(), hour: MONDAY, rooms: 40 }
    }

    /// Lives through an hour in which rooms say so many times the usual; gives the rooms that were told of, with their scores.
    fn live(&mut self, times: impl Fn(u64) -> u32) -> Vec<(u64, f32)> {
        let mut told = Vec::new();
        // Each room spreads what it says evenly over the hour.
        let of_room = |room: u64| {
            let count = i64::from(usual(room, self.hour) * times(room));
            (0..count).map(move |nth| (nth * HOUR_MS / count, room))
        };
        let mut said: Vec<(Millis, u64)> = (0..self.rooms).flat_map(of_room).collect();
        said.sort_unstable();
        for (after, room) in said {
            let beat = say(&mut self.pulses, Pulsing::Room, room + 1, self.hour * HOUR_MS + after);
            told.extend(beat.is_news.then_some((room, beat.score)));
        }
        self.hour += 1;
        told
    }

    fn live_until(&mut self, hour: i64) -> Vec<(u64, f32)> {
        let mut told = Vec::new();
        while self.hour < hour {
            told.extend(self.live(|_| 1));
        }
        told
    }
}

#[test]
fn habits_of_hour_and_weekday_are_no_burst_and_one_room_that_rises_is() {
    let mut town = Town::new();
    town.live_until(MONDAY + 2 * WEEK_HOURS);
    assert_eq!(town.live_until(MONDAY + 4 * WEEK_HOURS), [], "busy evenings, and busier ones on Fridays, are habits");
    town.live_until(MONDAY + 4 * WEEK_HOURS + 34);
    let told = town.live(|room| if room == 7 { 10 } else { 1 });
    assert!(told.iter().all(|(room, _)| *room == 7) && told.len() >= 2, "{told:?}");
    assert!(told.windows(2).all(|two| two[0].1 < two[1].1), "told again as it grows: {told:?}");
    assert!(told.len() < 8, "and not at every message: {told:?}");
}

#[test]
fn an_evening_on_which_everybody_writes_is_no_burst_of_any_room() {
    let mut town = Town::new();
    town.live_until(MONDAY + 2 * WEEK_HOURS + 20);
    assert_eq!(town.live(|_| 10), [], "what grows with the whole stream is expected");
}

#[test]
fn a_cluster_bursts_whatever_it_says_and_what_was_acted_on_tells_wishes_from_campaigns() {
    let mut town = Town::new();
    town.live_until(MONDAY + 40);
    let at = town.hour * HOUR_MS;
    let mut shares = [Vec::new(), Vec::new()];
    for nth in 0..200 {
        for (cluster, shares) in (1..).zip(&mut shares) {
            let beat = say(&mut town.pulses, Pulsing::Cluster, cluster, at + nth);
            shares.extend(beat.is_news.then_some(beat.acted));
            if cluster == 2 {
                let change = PulseChange { kind: Pulsing::Cluster, key: 2, at: at + nth, what: PulseNote::Acted };
                town.pulses.change(change);
            }
        }
    }
    let [wishes, campaign] = shares;
    assert!(wishes.len() > 2 && wishes.iter().all(|share| *share == 0.0), "{wishes:?}");
    assert!(campaign.len() > 2 && campaign.iter().all(|share| *share > 0.8), "{campaign:?}");
}

#[test]
fn without_a_day_of_past_nothing_is_a_burst() {
    let mut town = Town::new();
    assert_eq!(town.live(|room| if room == 1 { 100 } else { 1 }), []);
}

#[test]
fn late_events_count_where_they_belong_and_early_ones_end_nobodys_hour() {
    let mut pulses = Pulses::default();
    let at = |hour: i64| (MONDAY + hour) * HOUR_MS;
    for hour in [0, 0, 0, 9, 1, 1, 2, 2, 1] {
        say(&mut pulses, Pulsing::Room, 1, at(hour));
    }
    let room = &pulses.kinds[0].pulses[&1];
    let past = [MONDAY, MONDAY + 1].map(|hour| room.day[in_day(hour)]);
    assert_eq!((room.hour - MONDAY, room.count, past), (2, 1, [4, 4]));
}

#[test]
fn the_day_before_has_24_hours() {
    let mut pulse = Pulse::new(MONDAY);
    for hour in MONDAY..MONDAY + 100 {
        assert!(pulse.count(hour));
    }
    assert_eq!(pulse.of_day(), 24.0);
    assert!(!pulse.count(MONDAY + 99 - 24), "late, and within the day");
    assert_eq!(pulse.of_day(), 25.0);
    assert!(!pulse.count(MONDAY + 99 - 25), "and later than that");
    assert_eq!((pulse.of_day(), pulse.count), (25.0, 1));
}

#[test]
fn a_mean_has_room_for_whatever_an_hour_counts() {
    let mut pulse = Pulse::new(MONDAY);
    pulse.count = 200_000_000;
    pulse.roll(MONDAY + WEEK_HOURS);
    assert_eq!(pulse.of_week(), Some(200_000_000.0));
}

#[test]
fn after_a_day_of_silence_nothing_is_news() {
    let mut town = Town::new();
    town.live_until(MONDAY + 30);
    town.hour += 26;
    assert_eq!(town.live(|_| 3), []);
}

/// Life counts, tells and notes event by event; a journal counts all events of a batch and notes the rest after.
#[test]
fn a_journal_gives_what_life_gave_where_there_are_more_keys_than_places() {
    let small = || Pulses { kinds: [8, 8, 8].map(Keyed::new), ..Pulses::default() };
    let mut rng = fastrand::Rng::with_seed(7);
    let (mut life, mut again) = (small(), small());
    let mut hour = MONDAY;
    let mut is_full = false;
    for batch in 0..400 {
        let (mut counted, mut notes) = (Vec::new(), Vec::new());
        for _ in 0..rng.usize(1..30) {
            hour += i64::from(rng.u8(0..20) == 0);
            let at = (hour - i64::from(rng.u8(0..8) == 0) * rng.i64(1..3)) * HOUR_MS;
            let key = rng.u64(1..24);
            let (of, at) = (at, life.take(at));
            life.count(Pulsing::Room, key, at);
            counted.push((of, key));
            let what = [PulseNote::Acted, PulseNote::Told(3), PulseNote::Counted][rng.usize(0..3)];
            let kind = if what == PulseNote::Counted { Pulsing::Claim } else { Pulsing::Room };
            let note = PulseChange { kind, key, at, what };
            life.change(note);
            notes.push(note);
        }
        is_full |= life.kinds[0].full.is_some();
        for (of, key) in counted {
            let at = again.take(of);
            again.count(Pulsing::Room, key, at);
        }
        notes.into_iter().for_each(|note| again.change(note));
        let [mut lived, mut replayed] = [Vec::new(), Vec::new()];
        life.encode(&mut lived);
        again.encode(&mut replayed);
        assert!(lived == replayed, "batch {batch}");
        assert!(life.kinds.iter().all(|keyed| keyed.pulses.len() <= 8));
    }
    assert!(is_full);
}

#[test]
fn what_is_written_is_read_again() {
    let mut town = Town::new();
    town.live_until(MONDAY + 60);
    say(&mut town.pulses, Pulsing::Claim, 9, town.hour * HOUR_MS);
    let (mut bytes, mut again) = (Vec::new(), Vec::new());
    town.pulses.encode(&mut bytes);
    let mut reader = Reader::new(&bytes);
    Pulses::decode(&mut reader).unwrap().encode(&mut again);
    assert!(reader.is_empty());
    assert_eq!(bytes, again);
    Pulses::decode(&mut Reader::new(&bytes[..bytes.len() / 2])).unwrap_err();
}
