//! Clusters against their full history.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::state::ring::{HOUR, MINUTE};

/// Some day in 2026.
const T0: Millis = 1_790_000_000_000;
const DAY: Millis = 24 * HOUR;

fn clusters() -> Clusters {
    Clusters::new(64 * 1000, 8 * DAY)
}

/// A mark as a keyed hash would give it.
fn mark(author: u64) -> u32 {
    ((place(author + 1) >> 16) as u32).max(1)
}

fn fact(cluster: u64, at: Millis, author: u64) -> ClusterFact {
    ClusterFact { cluster, first_at: T0, first_author: mark(0), at, author: mark(author) }
}

/// The members of every cluster, in the order in which they came.
#[derive(Default)]
struct Model(BTreeMap<u64, Vec<(Millis, u32)>>);

fn within(members: &[(Millis, u32)], at: Millis, ms: Millis) -> impl Iterator<Item = &(Millis, u32)> {
    members.iter().filter(move |(then, _)| *then > at - ms && *then <= at)
}

fn authors<'a>(members: impl IntoIterator<Item = &'a (Millis, u32)>) -> u32 {
    members.into_iter().map(|(_, author)| *author).filter(|author| *author != 0).collect::<BTreeSet<_>>().len() as u32
}

impl Model {
    fn add(&mut self, fact: &ClusterFact) -> &[(Millis, u32)] {
        let members = self.0.entry(fact.cluster).or_insert_with(|| vec![(fact.first_at, fact.first_author)]);
        members.push((fact.at, fact.author));
        members
    }

    fn take(&mut self, fact: &ClusterFact) -> ClusterCounts {
        let (at, members) = (fact.at, self.add(fact));
        let [m10, m20, h1] = [10, 20, 60].map(|minutes| within(members, at, minutes * MINUTE).count() as u32);
        ClusterCounts {
            members: members.len() as u32,
            authors: authors(members),
            authors_10m: authors(within(members, at, 10 * MINUTE)),
            members_10m: m10,
            members_1h: h1,
            growth: if m20 == m10 { 0.0 } else { m10 as f32 / (m20 - m10) as f32 },
            age_ms: (at - members[0].0).max(0),
        }
    }
}

/// A stream over so many clusters and authors whose times advance by up to `step`; some members come late or early.
fn stream(seed: u64, len: usize, clusters: u64, people: u64, step: Millis, odd: Millis) -> Vec<ClusterFact> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut now = T0;
    let mut firsts = BTreeMap::new();
    (0..len)
        .map(|_| {
            now += rng.i64(0..=step);
            let at = now + if rng.u32(0..20) == 0 { rng.i64(-odd..=odd) } else { 0 };
            let (cluster, author) = (rng.u64(0..clusters).min(rng.u64(0..clusters)), mark(rng.u64(0..people)));
            let (first_at, first_author) = *firsts.entry(cluster).or_insert((at - rng.i64(0..HOUR), author));
            ClusterFact { cluster, first_at, first_author, at, author }
        })
        .collect()
}

fn encoded(clusters: &Clusters) -> Vec<Vec<u8>> {
    let shard = |index| {
        let mut out = Vec::new();
        clusters.encode_shard(index, &mut out);
        out
    };
    (0..SHARDS).map(shard).collect()
}

fn decoded(shards: &[Vec<u8>], like: &Clusters) -> Result<Clusters, Broken> {
    let mut clusters = like.clone();
    for (index, bytes) in shards.iter().enumerate() {
        let mut reader = Reader::new(bytes);
        clusters.decode_shard(index, &mut reader)?;
        reader.finish("a shard of clusters")?;
    }
    Ok(clusters)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// With up to 64 members every number is exact, however late or early by half a day they come.
    #[test]
    fn small_clusters_are_counted_exactly(seed: u64, step in 1..400_000_i64, people in 1_u64..100) {
        let (mut clusters, mut model) = (clusters(), Model::default());
        for fact in stream(seed, 1500, 60, people, step, DAY / 2) {
            if model.0.get(&fact.cluster).map_or(0, Vec::len) < 64 {
                prop_assert_eq!(clusters.take(&fact), model.take(&fact), "{:?}", fact);
            }
        }
    }

    /// However many members: these are always exact, and the others within what is promised.
    #[test]
    fn busy_clusters_are_counted_as_promised(seed: u64, step in 1..30_000_i64, people in 1_u64..130, late: bool) {
        let (mut clusters, mut model) = (clusters(), Model::default());
        let mut latest = BTreeMap::new();
        for fact in stream(seed, 1000, 3, people, step, if late { 4 * MINUTE } else { 0 }) {
            let (found, at) = (clusters.take(&fact), fact.at);
            let exact = model.take(&fact);
            let members = &model.0[&fact.cluster];
            prop_assert_eq!((found.members, found.age_ms), (exact.members, exact.age_ms));
            let (early, logged) = members.split_at(members.len().saturating_sub(64));
            let forgotten = early.iter().map(|(at, _)| *at).max().unwrap_or(0);
            for (ms, count, exact) in [(10 * MINUTE, found.members_10m, exact.members_10m), (HOUR, found.members_1h, exact.members_1h)] {
                let least = within(logged, at, ms).count().max(within(members, at, ms - MINUTE).count()) as u32;
                let most = within(members, at + MINUTE, ms + 2 * MINUTE).count() as u32;
                prop_assert!((least..=most).contains(&count), "{ms} ms: {least} <= {count} <= {most}, exactly {exact}");
                prop_assert!(forgotten > at - ms || count == exact, "{ms} ms: {count} instead of {exact}");
            }
            if forgotten <= at - 20 * MINUTE {
                prop_assert_eq!(found.growth, exact.growth);
            }
            let before = latest.entry(fact.cluster).or_insert(fact.first_at);
            *before = at.max(*before);
            if exact.authors <= 64 {
                prop_assert_eq!(found.authors, exact.authors);
            }
            let covered = forgotten <= at - 10 * MINUTE;
            if covered || exact.authors <= 64 && at == *before {
                prop_assert_eq!(found.authors_10m, exact.authors_10m);
            }
            let (least, most) = (authors(within(logged, at, 10 * MINUTE)), authors(members));
            prop_assert!(found.authors_10m >= least && found.authors_10m <= found.authors, "{found:?} of {most}");
            // Five standard errors, and the minute at each end.
            let near = authors(within(members, at - MINUTE, 8 * MINUTE))..=authors(within(members, at + MINUTE, 12 * MINUTE));
            let (low, high) = (f64::from(*near.start()) * 0.54, f64::from(*near.end()) * 1.46 + 1.0);
            let estimate = f64::from(found.authors_10m);
            prop_assert!(estimate >= low && estimate <= high, "{low:.1} <= {estimate} <= {high:.1}, exactly {}", exact.authors_10m);
        }
    }

    /// What was written is read, gives the same bytes again, and goes on in the same way; in a table that evicts and sweeps.
    #[test]
    fn clusters_come_back_from_their_bytes(seed: u64, cut in 0_usize..4000, odd in 0..DAY) {
        let mut whole = Clusters::new(64 * 4, DAY);
        let facts = stream(seed, 4000, 500, 300, 60_000, odd);
        let mut counts: Vec<_> = facts[..cut].iter().map(|fact| whole.take(fact)).collect();
        let mut back = decoded(&encoded(&whole), &Clusters::new(64 * 4, DAY)).unwrap();
        prop_assert_eq!(encoded(&back), encoded(&whole));
        prop_assert!(whole.len() <= 64 * 4);
        for fact in &facts[cut..] {
            counts.push(whole.take(fact));
            prop_assert_eq!(Some(&back.take(fact)), counts.last());
        }
        prop_assert_eq!(encoded(&back), encoded(&whole));
    }

    /// Damage is refused or survived, never a panic.
    #[test]
    fn damaged_bytes_never_panic(seed in 0_u64..4, at: prop::sample::Index, byte: u8, cut: bool, shard in 0..SHARDS) {
        let mut clusters = Clusters::new(64 * 20, DAY);
        let facts = stream(seed, 6000, 70, 300, 3_000, HOUR);
        for fact in &facts[..5000] {
            clusters.take(fact);
        }
        let mut shards = encoded(&clusters);
        let index = at.index(shards[shard].len());
        if cut { shards[shard].truncate(index) } else { shards[shard][index] = byte }
        match decoded(&shards, &clusters) {
            Ok(mut odd) => {
                prop_assert!(!cut);
                for fact in &facts[5000..] {
                    odd.take(fact);
                }
                encoded(&odd);
            }
            Err(broken) => prop_assert!(!broken.to_string().is_empty()),
        }
    }
}

#[test]
fn a_campaign_of_many_is_estimated_closely() {
    let mut clusters = clusters();
    let mut rng = fastrand::Rng::with_seed(7);
    let mut last = ClusterCounts::default();
    // 200 minutes at 500 members a minute, each by somebody else.
    for i in 0..100_000 {
        last = clusters.take(&ClusterFact { author: rng.u32(1..), ..fact(1, T0 + i * 120, 0) });
    }
    assert_eq!((last.members, last.age_ms), (100_001, 99_999 * 120));
    assert!((4_500..5_550).contains(&last.members_10m) && (29_400..30_600).contains(&last.members_1h), "{last:?}");
    assert!((last.growth - 1.0).abs() < 0.11, "{last:?}");
    assert!((85_000..115_000).contains(&last.authors) && (4_000..6_000).contains(&last.authors_10m), "{last:?}");
}

#[test]
fn a_few_accounts_that_write_much_are_counted_exactly() {
    let mut clusters = clusters();
    for i in 0..20_000 {
        let counts = clusters.take(&fact(1, T0 + i as Millis * 50, i % 64));
        let lately = (i + 1).min(64) as u32;
        assert_eq!((counts.authors, counts.authors_10m), (lately, lately), "member {i}");
    }
}

#[test]
fn a_member_dated_ahead_wipes_nothing_and_holds_nothing() {
    let mut clusters = Clusters::new(64 * 1000, DAY);
    let mut last = ClusterCounts::default();
    for i in 0..500 {
        let at = T0 + i as Millis * 1000 + if i == 100 { 400 * DAY } else { 0 };
        last = clusters.take(&fact(1, at, i));
    }
    assert!((450..=500).contains(&last.members_1h) && (400..=600).contains(&last.authors_10m), "{last:?}");
    let counts = clusters.take(&ClusterFact { cluster: 2, first_at: T0 + 400 * DAY, ..fact(2, T0 + 400 * DAY, 1) });
    assert_eq!((counts.members, counts.members_10m), (2, 2));
    // Both go when the stream has moved on: their shards see enough of it.
    for i in 0..300_000 {
        let at = T0 + (1 + i / 50_000) * DAY;
        clusters.take(&ClusterFact { first_at: at, ..fact(3 + i as u64 % 1000, at, 1) });
    }
    assert_eq!(clusters.take(&fact(1, T0 + 7 * DAY, 1)).members, 2);
    assert_eq!(clusters.take(&fact(2, T0 + 7 * DAY, 1)).members, 2);
}

#[test]
fn over_the_bound_the_least_recently_active_go() {
    let mut clusters = Clusters::new(6400, DAY);
    for cluster in 0..20_000 {
        clusters.take(&ClusterFact { first_at: T0 + cluster as Millis, ..fact(cluster, T0 + cluster as Millis, 1) });
    }
    assert!(clusters.len() <= 6400 && clusters.len() > 5000, "{}", clusters.len());
    assert_eq!(clusters.len() as u64 + clusters.evicted(), 20_000);
    let members = [19_999, 17_000, 10, 9].map(|cluster| clusters.take(&fact(cluster, T0 + 20_000, 1)).members);
    assert_eq!(members, [3, 3, 2, 2]);
}

#[test]
fn what_nobody_repeats_any_more_goes_by_itself() {
    let mut clusters = Clusters::new(1_000_000, DAY);
    for cluster in 0..1000 {
        clusters.take(&fact(cluster, T0 + 1, 1));
    }
    assert_eq!(clusters.len(), 1000);
    for i in 0..200_000 {
        clusters.take(&fact(5000 + i % 2000, T0 + DAY + HOUR + i as Millis, 1));
    }
    assert_eq!((clusters.len(), clusters.evicted()), (2000, 0));
}

#[test]
fn an_author_who_is_erased_is_no_author_any_more() {
    let mut clusters = clusters();
    for i in 0..100 {
        clusters.take(&fact(1, T0 + i as Millis, i % 10));
        clusters.take(&fact(2, T0 + i as Millis, 1 + i % 2));
    }
    clusters.take(&fact(3, T0, 5));
    let is_held = |clusters: &Clusters, author: u64| {
        encoded(clusters).iter().any(|shard| shard.windows(4).any(|bytes| bytes == mark(author).to_le_bytes()))
    };
    assert!(is_held(&clusters, 0) && is_held(&clusters, 5));
    for author in [0, 5] {
        clusters.scrub(mark(author));
        assert!(!is_held(&clusters, author), "author {author}");
    }
    clusters.scrub(0);
    let counts = [1, 2, 3].map(|cluster| clusters.take(&fact(cluster, T0 + 200, 2)));
    assert_eq!(counts.map(|counts| (counts.members, counts.authors)), [(102, 8), (102, 2), (3, 1)]);
    assert_eq!(counts.map(|counts| counts.members_10m), [102, 102, 3]);
}

#[test]
fn what_is_held_of_a_cluster_is_small() {
    assert_eq!(SLOT_BYTES, 64);
    assert!(cluster::busy_bytes_max() < 6_500, "{}", cluster::busy_bytes_max());
}

#[test]
fn times_outside_the_years_that_are_kept_count_as_the_nearer_end() {
    let mut clusters = clusters();
    for at in [Millis::MIN, -1, 0, Millis::MAX, T0] {
        let counts = clusters.take(&ClusterFact { first_at: Millis::MIN, ..fact(1, at, 1) });
        assert!(counts.members_10m >= 1 && counts.age_ms >= 0, "{counts:?}");
    }
}
