//! What can go wrong with a cluster, in plain words, and what to do about it.

use std::path::Path;

use rdkafka::error::{KafkaError as Native, RDKafkaErrorCode as Code};

/// Why a cluster cannot be used. The message says what was being done and what the cluster said.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot {doing}: {what}")]
pub struct KafkaError {
    doing: String,
    what: String,
    kind: Kind,
}

/// What may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Another try: a broker is away, a transaction was aborted.
    Retry,
    /// Another try, once the brokers answer.
    Away,
    /// Another instance has the partition now.
    Fenced,
    /// Nothing but a person: the hint says what.
    Wrong(&'static str),
}

const UNREACHABLE: &str = "check [kafka] brokers, that a broker listens there, and that `tls` and `sasl_mechanism` are what its \
                           listener speaks";
const TOPIC: &str = "make the topic: `tidegate topics create` makes those of the stage; check the names below [kafka]";
const RIGHTS: &str = "give this user READ on the input topic and the group, WRITE on the stage's topics, and WRITE on the \
                      transactional ids that begin with the group's name";
const CREDENTIALS: &str = "check username, password_file and sasl_mechanism below [kafka]";
// Which of the three it is, the library does not say.
const CERTIFICATE: &str = "check three things: ca_file holds the authority that signed the brokers' certificates; the name in `brokers` \
                           stands in them; they are in date. `openssl s_client -connect HOST:PORT -CAfile FILE` shows them";
const UNREADABLE: &str =
    "check ca_file, certificate_file and key_file below [kafka], and that this user may read what they name";
const SETTING: &str = "check the keys below [kafka] and [kafka.client]";

impl KafkaError {
    /// What librdkafka said while something was being done; `heard` is the last thing that a connection complained of, which
    /// counts where what is said is a time-out of some kind: its reason lies elsewhere.
    pub(super) fn new(doing: impl Into<String>, native: &Native, heard: Option<&str>) -> Self {
        let heard = heard.filter(|_| is_mute(native));
        let kind = heard.and_then(of_words).unwrap_or_else(|| of_native(native));
        let what = match heard {
            Some(heard) => format!("{} ({heard})", words(native)),
            None => words(native),
        };
        Self { doing: doing.into(), what, kind }
    }

    /// Something that a person has to put right.
    pub(super) fn wrong(doing: impl Into<String>, what: impl Into<String>, hint: &'static str) -> Self {
        Self { doing: doing.into(), what: what.into(), kind: Kind::Wrong(hint) }
    }

    /// Something that another try may put right.
    pub(super) fn passing(doing: impl Into<String>, what: impl Into<String>) -> Self {
        Self { doing: doing.into(), what: what.into(), kind: Kind::Retry }
    }

    /// A topic that is not there.
    pub(super) fn no_topic(topic: &str) -> Self {
        Self::wrong(format!("use the topic {topic}"), "the cluster does not have it", TOPIC)
    }

    /// The build cannot do what is asked for.
    pub(super) fn no_tls() -> Self {
        let what = "this build has neither TLS nor SCRAM";
        Self::wrong("connect", what, "take the released binary, or build with `--features kafka-tls`")
    }

    /// A file of the connection that cannot be read.
    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        Self::wrong(format!("read {}", path.display()), error.to_string(), UNREADABLE)
    }

    /// Whether trying again later may help without anybody's help.
    #[must_use]
    pub fn retry(&self) -> bool {
        matches!(self.kind, Kind::Retry | Kind::Away)
    }

    /// Whether another instance took the partition over: nothing of ours was made visible.
    #[must_use]
    pub fn is_fenced(&self) -> bool {
        self.kind == Kind::Fenced
    }

    /// Whether a topic is not there: while brokers come back, one may seem to be away that is not.
    pub(super) fn is_of_topic(&self) -> bool {
        self.kind == Kind::Wrong(TOPIC)
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self.kind {
            Kind::Retry => "it is tried again; if it stays, look at the brokers",
            Kind::Away => UNREACHABLE,
            Kind::Fenced => "another instance has this partition now, or gets it: nothing is to be done",
            Kind::Wrong(hint) => hint,
        }
    }
}

/// The library's own words, without its type names.
fn words(native: &Native) -> String {
    match native {
        Native::Transaction(error) => error.string(),
        Native::ClientConfig(_, reason, key, value) => format!("{key} = {value:?}: {reason}"),
        Native::ClientCreation(reason) => reason.clone(),
        error => error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string()),
    }
}

fn is_mute(native: &Native) -> bool {
    use Code::{AllBrokersDown, BrokerTransportFailure, MessageTimedOut, OperationTimedOut};
    let mute = [AllBrokersDown, BrokerTransportFailure, MessageTimedOut, OperationTimedOut];
    native.rdkafka_error_code().is_some_and(|code| mute.contains(&code))
}

fn of_native(native: &Native) -> Kind {
    match native {
        Native::ClientConfig(..) | Native::ClientCreation(_) => Kind::Wrong(SETTING),
        Native::Transaction(error) if error.is_fatal() => match of_code(error.code()) {
            // A producer that is lost for any other reason than a setting is made anew.
            Kind::Wrong(hint) => Kind::Wrong(hint),
            kind => kind,
        },
        error => error.rdkafka_error_code().map_or(Kind::Retry, of_code),
    }
}

fn of_code(code: Code) -> Kind {
    match code {
        // Or the group has moved on without us, or is about to: whoever has the partition then is not to be disturbed.
        Code::Fenced
        | Code::ProducerFenced
        | Code::InvalidProducerEpoch
        | Code::InvalidProducerIdMapping
        | Code::IllegalGeneration
        | Code::UnknownMemberId
        | Code::RebalanceInProgress
        | Code::FencedInstanceId => Kind::Fenced,
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition | Code::InvalidTopic => {
            Kind::Wrong(TOPIC)
        }
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => Kind::Wrong(RIGHTS),
        Code::SaslAuthenticationFailed | Code::Authentication | Code::UnsupportedSASLMechanism => {
            Kind::Wrong(CREDENTIALS)
        }
        Code::SSL => Kind::Wrong(CERTIFICATE),
        Code::MessageSizeTooLarge => {
            Kind::Wrong("raise max.message.bytes of the topic, and \"message.max.bytes\" below [kafka.client]")
        }
        Code::InvalidTransactionTimeout => {
            Kind::Wrong("lower transaction_timeout_ms below the brokers' transaction.max.timeout.ms")
        }
        Code::InvalidSessionTimeout => Kind::Wrong(
            "set session_timeout_ms between the brokers' group.min.session.timeout.ms and group.max.session.timeout.ms",
        ),
        Code::InvalidConfig | Code::InvalidArgument | Code::InvalidReplicationFactor => Kind::Wrong(SETTING),
        _ => Kind::Retry,
    }
}

/// What a connection complained of says more than the time-out that follows from it.
fn of_words(heard: &str) -> Option<Kind> {
    let heard = heard.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| heard.contains(word));
    if has(&["certificate", "ssl handshake", "ssl_ctx"]) {
        return Some(Kind::Wrong(CERTIFICATE));
    }
    if has(&["authentication fail", "sasl", "mechanism"]) {
        return Some(Kind::Wrong(CREDENTIALS));
    }
    // A listener that waits for another protocol hangs up, and in the middle of what we say.
    has(&[
        "connection refused",
        "failed to resolve",
        "disconnected",
        "brokers are down",
        "send failed",
        "connection reset",
    ])
    .then_some(Kind::Away)
}
