//! The same decisions for any number of threads and any size of batches.

use crate::stage::{Cut, given_out, sample};

#[test]
fn threads_and_batches_have_no_influence() {
    let records = sample();
    let alone = given_out(records.clone(), Cut { threads: 1, batch: 4096, ..Cut::default() });
    assert!(alone.0.lines().count() > 50, "the sample stream gives something to compare");
    for threads in [1, 2, 8] {
        for batch in [1, 7, 4096] {
            let cut = Cut { threads, batch, ..Cut::default() };
            assert!(
                given_out(records.clone(), cut) == alone,
                "{threads} threads and batches of {batch} decide otherwise"
            );
        }
    }
}
