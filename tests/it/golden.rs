//! A recorded stream and everything that comes out of it, to the byte. `make bless` rewrites what is expected; look at
//! the difference before you commit it.

use std::fs;

use tidegate::stream::Editions;

use crate::bless::is_blessing;
use crate::stage::{Cut, World, edition, path};

#[test]
fn the_recorded_stream_gives_the_recorded_decisions() {
    let events = fs::read(path("tests/it/golden/events.jsonl")).unwrap();
    let records = events.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect();
    let world = World::new(records);
    world.run(&Editions::new(edition()), Cut::default()).unwrap();
    let (decisions, rejects) = world.given_out();
    for (file, found) in [("decisions.jsonl", decisions), ("rejects.jsonl", rejects)] {
        let file = path("tests/it/golden").join(file);
        if is_blessing() {
            fs::write(&file, &found).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap();
        for (line, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
            assert_eq!(found, expected, "{}:{}", file.display(), line + 1);
        }
        assert_eq!(found.lines().count(), expected.lines().count(), "{}", file.display());
    }
}
