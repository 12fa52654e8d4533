//! The broker is the real one: it hides what was aborted, and fences whoever was followed. If it did not, the other
//! tests of this module would prove nothing.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, Producer};

use super::broker::{fresh, shared};
use super::client::{committed, create_topics, flush, producer, send};

const WAIT: Duration = Duration::from_secs(30);

fn transactional(id: &str) -> BaseProducer {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", shared().bootstrap())
        .set("transactional.id", id)
        .create()
        .unwrap();
    producer.init_transactions(WAIT).unwrap();
    producer
}

#[test]
fn what_was_aborted_is_not_seen() {
    let bootstrap = shared().bootstrap();
    let topic = &fresh("smoke-aborted");
    create_topics(bootstrap, &[topic], 2);
    let plain = producer(bootstrap);
    send(&plain, topic, 0, b"k", b"plain");
    flush(&plain);
    let writer = transactional(topic);
    for (value, keep) in [(b"gone", false), (b"kept", true)] {
        writer.begin_transaction().unwrap();
        send(&writer, topic, 1, b"k", value);
        if keep {
            writer.commit_transaction(WAIT).unwrap();
        } else {
            flush(&writer);
            writer.abort_transaction(WAIT).unwrap();
        }
    }
    let seen = committed(bootstrap, topic);
    let values: Vec<Vec<&[u8]>> = seen.iter().map(|p| p.iter().map(|seen| &seen.value[..]).collect()).collect();
    assert_eq!(values, [vec![&b"plain"[..]], vec![&b"kept"[..]]]);
}

#[test]
fn who_was_followed_is_fenced() {
    let bootstrap = shared().bootstrap();
    let topic = &fresh("smoke-fenced");
    create_topics(bootstrap, &[topic], 1);
    let zombie = transactional(topic);
    zombie.begin_transaction().unwrap();
    send(&zombie, topic, 0, b"k", b"of the zombie");
    flush(&zombie);
    let heir = transactional(topic);
    let error = zombie.commit_transaction(WAIT).unwrap_err();
    assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::Fenced), "{error}");
    heir.begin_transaction().unwrap();
    send(&heir, topic, 0, b"k", b"of the heir");
    heir.commit_transaction(WAIT).unwrap();
    let seen = committed(bootstrap, topic);
    assert_eq!(seen[0].iter().map(|seen| &seen.value[..]).collect::<Vec<_>>(), [b"of the heir"]);
}
