//! What can be known without a broker, and how the client's own mock of one refuses.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rdkafka::error::{KafkaError as Native, RDKafkaErrorCode as Code};
use rdkafka::mocking::MockCluster;

use super::inlet::{Inlet, KafkaSource, Wish, offset_of};
use super::member::Group;
use super::restore::Beginning;
use super::{Begin, Compression, Delivery, KafkaError, KafkaOptions, Member, Sasl, Security, Topics};
use crate::io::clock::instant;
use crate::io::source::{BatchLimits, Flow, Place, RawBatch, Source};
use crate::io::wire::LINE_TOO_LONG;

fn options(brokers: &str) -> KafkaOptions {
    KafkaOptions {
        brokers: vec![brokers.to_owned()],
        group: "test".into(),
        topics: Topics::with_prefix("events", "test."),
        delivery: Delivery::ExactlyOnce,
        begin: Begin::Earliest,
        security: Security::default(),
        compression: Compression::Lz4,
        session_timeout: Duration::from_secs(6),
        transaction_timeout: Duration::from_secs(10),
        drain: Duration::from_secs(1),
        queue_records_max: 8,
        client: std::collections::BTreeMap::new(),
    }
}

fn refusal(options: KafkaOptions) -> KafkaError {
    let (give, _given) = mpsc::channel();
    match Member::join(&Arc::new(options), BatchLimits::default(), give) {
        Ok(_) => panic!("it was taken in"),
        Err(error) => error,
    }
}

#[test]
fn brokers_that_do_not_answer_are_named_as_such() {
    let error = refusal(options("127.0.0.1:1"));
    assert!(error.retry(), "{error}");
    assert!(error.to_string().starts_with("cannot ask the brokers about the topic events"), "{error}");
    assert!(error.hint().contains("[kafka] brokers"), "{}", error.hint());
}

#[test]
fn a_topic_that_is_not_there_says_how_it_is_made() {
    let error = KafkaError::no_topic("test.state");
    assert_eq!(error.to_string(), "cannot use the topic test.state: the cluster does not have it");
    assert!(error.hint().contains("tidegate topics create"), "{}", error.hint());
    assert!(!error.retry());
}

#[test]
fn a_changelog_of_other_partitions_than_the_input_is_refused() {
    let cluster = MockCluster::new(1).expect("the client brings its mock");
    for (topic, partitions) in [("events", 3), ("test.actions", 3), ("test.rejects", 1), ("test.state", 2)] {
        cluster.create_topic(topic, partitions, 1).expect("nothing is in its way");
    }
    let error = refusal(options(&cluster.bootstrap_servers()));
    assert_eq!(error.to_string(), "cannot use the topic test.state: it has 2 partitions, and events has 3");
    assert!(!error.retry());
}

#[test]
fn what_the_cluster_says_becomes_what_to_do() {
    let cases = [
        (Code::ProducerFenced, None, "another instance"),
        (Code::IllegalGeneration, None, "another instance"),
        (Code::TopicAuthorizationFailed, None, "WRITE on the stage's topics"),
        (Code::TransactionalIdAuthorizationFailed, None, "transactional ids"),
        (Code::SaslAuthenticationFailed, None, "password_file"),
        (Code::UnknownTopicOrPartition, None, "tidegate topics create"),
        (Code::InvalidTransactionTimeout, None, "transaction_timeout_ms"),
        (Code::InvalidSessionTimeout, None, "session_timeout_ms"),
        (Code::MessageSizeTooLarge, None, "max.message.bytes"),
        (Code::OperationTimedOut, Some("ssl://b:9093: SSL handshake failed: certificate verify failed"), "ca_file"),
        (Code::OperationTimedOut, Some("b:9092: Connect to ipv4#1.2.3.4:9092 failed: Connection refused"), "brokers"),
        (Code::OperationTimedOut, Some("SASL mechanism PLAIN is not supported"), "sasl_mechanism"),
    ];
    for (code, heard, hint) in cases {
        let error = KafkaError::new("do it", &Native::Global(code), heard);
        assert!(error.hint().contains(hint), "{code:?}: {}", error.hint());
    }
    let passing = KafkaError::new("do it", &Native::Global(Code::NotEnoughReplicas), None);
    assert!(passing.retry() && !passing.is_fenced());
}

#[test]
fn secrets_are_not_printed_and_tls_is_not_left_out_in_silence() {
    let sasl = Sasl { mechanism: "PLAIN".into(), username: "u".into(), password: "open sesame".into() };
    let mut options = options("b:9092");
    options.security = Security { tls: true, sasl: Some(sasl), ..Security::default() };
    assert!(!format!("{options:?}").contains("sesame"));
    match options.client("test") {
        Ok(config) => assert_eq!(config.get("security.protocol"), Some("sasl_ssl")),
        Err(error) => assert!(error.hint().contains("kafka-tls"), "{}", error.hint()),
    }
}

fn inlet() -> Arc<Inlet> {
    Arc::new(Inlet::new("events", 3, BatchLimits { records_max: 4, bytes_max: 100, wait: Duration::ZERO }, 8))
}

/// A source that has begun at that offset, and an inlet whose records flow.
fn flowing(offset: i64) -> (Arc<Inlet>, KafkaSource, RawBatch) {
    let inlet = inlet();
    let beginning = Beginning { offset, low: 0, was_read: false };
    let mut source = KafkaSource::new(&inlet, &Arc::new(Group::default()), beginning);
    let mut batch = RawBatch::default();
    assert_eq!(source.fill(&mut batch, &LIMITS).unwrap(), Flow::Idle);
    assert!(matches!(inlet.wish(), Wish::Seek(at) if at == offset));
    inlet.flows();
    (inlet, source, batch)
}

const LIMITS: BatchLimits = BatchLimits { records_max: 4, bytes_max: 100, wait: Duration::ZERO };

#[test]
fn records_come_in_batches_with_their_offsets_and_none_twice() {
    let (inlet, mut source, mut batch) = flowing(10);
    for (offset, payload) in [(8, "old"), (10, "a"), (11, "b"), (11, "b"), (15, "c")] {
        inlet.push(offset, payload.as_bytes());
    }
    assert_eq!(source.fill(&mut batch, &LIMITS).unwrap(), Flow::Idle);
    let found: Vec<(&[u8], Place)> = batch.iter().map(|raw| (raw.bytes, raw.offset.place)).collect();
    let expected: [(&[u8], Place); 3] = [(b"a", Place::Index(10)), (b"b", Place::Index(11)), (b"c", Place::Index(15))];
    assert_eq!(found, expected);
    assert_eq!(batch.get(0).offset.to_string(), "events/3:10");
    assert_eq!(offset_of(batch.end()).unwrap(), 16);
}

#[test]
fn a_full_queue_asks_to_pause_and_an_emptier_one_to_go_on() {
    let (inlet, mut source, mut batch) = flowing(0);
    let asked: Vec<bool> = (0..9).map(|offset| inlet.push(offset, b"x")).collect();
    assert_eq!(asked.iter().position(|asked| *asked), Some(7), "the eighth fills it, and it asks once");
    assert_eq!(asked.iter().filter(|asked| **asked).count(), 1);
    assert!(matches!(inlet.wish(), Wish::Nothing));
    assert_eq!(source.fill(&mut batch, &LIMITS).unwrap(), Flow::More);
    assert_eq!(batch.len(), 4);
    assert!(matches!(inlet.wish(), Wish::Nothing));
    assert_eq!(source.fill(&mut batch, &LIMITS).unwrap(), Flow::More);
    assert!(matches!(inlet.wish(), Wish::Resume));
}

#[test]
fn what_comes_while_a_batch_is_in_hand_shares_the_next_transaction() {
    let (inlet, mut source, mut batch) = flowing(0);
    inlet.push(0, b"x");
    source.fill(&mut batch, &LIMITS).unwrap();
    inlet.push(1, b"y");
    assert_eq!(source.fill(&mut batch, &LIMITS).unwrap(), Flow::Idle);
    assert!(batch.is_empty(), "the first is not committed yet");
    inlet.push(2, b"z");
    inlet.commits(1);
    source.fill(&mut batch, &LIMITS).unwrap();
    assert_eq!(batch.len(), 2);
}

#[test]
fn a_partition_is_let_go_when_what_was_handed_out_is_committed_and_goes_on_there() {
    let (inlet, mut source, mut batch) = flowing(0);
    (0..6).for_each(|offset| {
        inlet.push(offset, b"x");
    });
    source.fill(&mut batch, &LIMITS).unwrap();
    inlet.park();
    assert!(!inlet.drained(instant()), "four records are at work");
    let later = Arc::clone(&inlet);
    let lane = thread::spawn(move || later.commits(4));
    assert!(inlet.drained(instant() + Duration::from_secs(5)));
    lane.join().unwrap();
    assert!(inlet.push(6, b"x"), "nobody takes it");
    assert_eq!(source.fill(&mut batch, &LIMITS).unwrap(), Flow::Idle);
    assert!(batch.is_empty(), "nothing is given while the partition is not ours");
    inlet.reassigned();
    assert!(matches!(inlet.wish(), Wish::Seek(4)), "what waited is read again");
    inlet.flows();
    inlet.push(4, b"again");
    source.fill(&mut batch, &LIMITS).unwrap();
    assert_eq!(batch.get(0).bytes, b"again", "and is not taken for what came before");
    inlet.end();
    assert_eq!(source.fill(&mut batch, &LIMITS).unwrap(), Flow::End);
}

#[test]
fn a_lane_that_failed_has_nothing_to_finish() {
    let (inlet, mut source, mut batch) = flowing(0);
    inlet.push(0, b"x");
    source.fill(&mut batch, &LIMITS).unwrap();
    inlet.stopped();
    assert!(inlet.drained(instant()));
    assert!(!inlet.is_ready());
}

#[test]
fn a_record_that_no_batch_may_hold_is_rejected_with_its_beginning() {
    let (inlet, mut source, mut batch) = flowing(0);
    inlet.push(0, &[b'x'; 101]);
    inlet.push(1, b"y");
    source.fill(&mut batch, &LIMITS).unwrap();
    assert_eq!(batch.get(0).fault.unwrap().code, LINE_TOO_LONG);
    assert_eq!((batch.get(0).bytes_total, batch.get(0).bytes.len()), (101, 101));
}

#[test]
fn another_partitions_position_is_refused() {
    let (_, mut source, batch) = flowing(0);
    drop(batch);
    let other = crate::io::Position(br#"{"partition":4,"offset":9}"#.to_vec());
    assert!(source.seek(&other).unwrap_err().to_string().contains("not of partition 3"));
}
