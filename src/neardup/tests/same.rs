//! The same answers for any cut into batches, for any number of threads, and after a restart at any point.

use proptest::prelude::*;

use super::*;

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a small pool")
}

/// Bounds that bite all the time.
fn tight() -> impl Strategy<Value = Options> {
    (4_usize..200, 1_i64..600, 2_000_u64..60_000).prop_map(|(entries_max, seconds, text_bytes_max)| Options {
        entries_max,
        window_ms: seconds * 1000,
        text_bytes_max,
    })
}

/// Everything that a log holds.
fn stored(texts: &MemoryTexts) -> Vec<(u64, Vec<u8>)> {
    let mut records = Vec::new();
    texts
        .scan(&mut |address, record| {
            records.push((address, record.to_vec()));
            Ok(())
        })
        .expect("a log in memory can be read");
    records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn batches_and_threads_change_nothing(seed: u64, options in tight(), bases in 1_usize..40) {
        let posts = stream(&mut fastrand::Rng::with_seed(seed), 900, bases);
        let (mut alone, texts) = twins(&options);
        let expected: Vec<Twin> = posts.iter().flat_map(|post| take(&mut alone, std::slice::from_ref(post))).collect();
        for (threads, batch) in [(1, 7), (1, 900), (3, 300), (4, 900)] {
            let (mut together, others) = twins(&options);
            let found: Vec<Twin> =
                pool(threads).install(|| posts.chunks(batch).flat_map(|posts| take(&mut together, posts)).collect());
            prop_assert_eq!(&found, &expected, "{} threads, batches of {}", threads, batch);
            prop_assert_eq!(stored(&others), stored(&texts));
        }
    }

    /// Whatever was released before, and whatever was erased.
    #[test]
    fn a_restart_changes_nothing(
        seed: u64, options in tight(), bases in 1_usize..40, stop in 0_usize..400, releases: bool, erased in 0_u32..9
    ) {
        let posts = stream(&mut fastrand::Rng::with_seed(seed), 400, bases);
        let (before, after) = posts.split_at(stop);
        let (mut twins, texts) = twins(&options);
        take(&mut twins, before);
        twins.forget(erased).expect("a log in memory can be changed");
        let copy = Arc::new(MemoryTexts::new());
        if releases {
            texts.release_before(twins.kept_from());
        }
        copy.copy_from(&texts);
        let mut restored = Twins::restore(&options, SEED, copy).expect("the log is whole");
        prop_assert_eq!(restored.sizes(), twins.sizes());
        prop_assert_eq!(take(&mut restored, after), take(&mut twins, after));
        prop_assert_eq!(restored.sizes(), twins.sizes());
    }
}

#[test]
fn a_log_with_a_hole_or_of_foreign_bytes_is_refused() {
    let options = Options { entries_max: 50, ..Options::default() };
    let (mut twins, texts) = twins(&options);
    take(&mut twins, &stream(&mut fastrand::Rng::with_seed(3), 20, 20));
    let mut records = stored(&texts);
    records.remove(4);
    let refused = |records: &[(u64, Vec<u8>)]| {
        let log = Arc::new(MemoryTexts::new());
        for (_, record) in records {
            log.append(record);
        }
        Twins::restore(&options, SEED, log).err().expect("it is refused").to_string()
    };
    assert!(refused(&records).contains("entries are missing before it"), "{}", refused(&records));
    records[2].1[0] = 99;
    assert!(refused(&records).contains("another version"), "{}", refused(&records));
}
