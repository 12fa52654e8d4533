//! What the loop's side does while the road answers.

use super::*;
use crate::event::Channel;

fn keys() -> Keys {
    Keys::new(b"test")
}

fn event(author: &str) -> Event<'static> {
    let channel = Channel::Post;
    let json = format!(r#"{{"id":"e-{author}","channel":"{channel}","author":"{author}","at":1,"text":"a"}}"#);
    serde_json::from_str::<Event<'_>>(&json).expect("an event").into_owned()
}

fn found(generation: u64, authors: &[&str]) -> Found {
    let events = authors.iter().map(|author| event(author)).collect();
    Found { generation, answer: Answer::Piece(Piece { events, looked: Looked::More }) }
}

fn looking() -> (Looking, SyncSender<Found>) {
    let (to_looking, found) = mpsc::sync_channel(PIECES_MAX);
    let repeats = RepeatOptions { back_ms: 1, per_day_max: 1 };
    let mut looking = Looking::new(BackOptions { repeats, per_second: 1 }, found, Arc::default());
    looking.active = Some(Active::new(&Wanted {
        key: 1,
        mark: 1,
        id: "c".into(),
        wordings: Vec::new(),
        since: 1,
        reach: Reach::Kin,
    }));
    (looking, to_looking)
}

fn held(looking: &Looking) -> Vec<String> {
    let pieces = looking.active.iter().flat_map(|active| &active.pieces);
    pieces.flat_map(|piece| &piece.events).map(|event| event.author.to_string()).collect()
}

#[test]
fn who_is_forgotten_is_left_out_of_what_was_found_and_the_search_goes_on() {
    let (mut looking, road) = looking();
    road.send(found(0, &["ann", "bob", "ann"])).unwrap();
    looking.hear(keys());
    road.send(found(0, &["cat", "ann"])).unwrap();
    looking.forget(&[keys().author("ann")], keys());
    assert_eq!(held(&looking), ["bob"], "what was heard");
    looking.active.as_mut().unwrap().pieces.clear();
    looking.hear(keys());
    assert_eq!(held(&looking), ["cat"], "and what is heard later");
    assert_eq!(looking.generation.load(Ordering::Relaxed), 0, "nothing is asked again");
}

#[test]
fn what_nobody_looks_for_any_longer_is_not_held() {
    let (mut looking, road) = looking();
    road.send(found(0, &["ann"])).unwrap();
    looking.hear(keys());
    (0..PIECES_MAX).for_each(|_| road.try_send(found(0, &["bob"])).unwrap());
    road.try_send(found(0, &["bob"])).expect_err("the road waits");
    looking.let_go();
    assert!(held(&looking).is_empty() && looking.active.is_none());
    assert_eq!(looking.generation.load(Ordering::Relaxed), 1, "the road is told");
    road.try_send(found(0, &["bob"])).expect("and waits no longer");
    looking.let_go();
    assert!(looking.found.try_recv().is_err(), "what it had in hand is let go as well");
}
