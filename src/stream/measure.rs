//! Every metric of the stage, declared once: the Prometheus endpoint's help texts and `docs/metrics.md` come from here.

use std::time::Duration;

use metrics::{Unit, counter, gauge, histogram};

use crate::event::{Channel, Millis};
use crate::pipeline::{LOGS, Tally, TwinSizes};
use crate::state::Sizes;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name; counters end in `_total`, units are base units.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels; never a user or an event.
    pub labels: &'static [&'static str],
    /// One sentence for people.
    pub about: &'static str,
    unit: Unit,
}

macro_rules! metrics_table {
    ($($constant:ident, $name:literal, $kind:ident, $unit:ident, [$($label:literal),*], $about:literal;)*) => {
        // Declared in every build, so that the page is the same; some are counted with Kafka only.
        $(#[cfg_attr(not(feature = "kafka"), allow(dead_code))] const $constant: &str = $name;)*
        /// Every metric of the stage.
        pub const METRICS: &[Metric] = &[$(Metric { name: $name, kind: Kind::$kind, labels: &[$($label),*], about: $about, unit: Unit::$unit },)*];
    };
}

metrics_table! {
    EVENTS, "tidegate_events_total", Counter, Count, ["channel"], "Messages decided on.";
    COPIES, "tidegate_near_duplicates_total", Counter, Count, [], "Messages that are near-duplicates of earlier ones.";
    VERDICTS, "tidegate_verdicts_total", Counter, Count, [], "Verdict records taken.";
    ERASURES, "tidegate_erasures_total", Counter, Count, [], "Erase records taken.";
    REJECTS, "tidegate_rejects_total", Counter, Count, ["code"], "Records that could not be taken, by reason.";
    DECISIONS, "tidegate_decisions_total", Counter, Count, [], "Decisions given out.";
    ACTIONS, "tidegate_actions_total", Counter, Count, ["action", "channel"], "Actions given out.";
    FIRES, "tidegate_rule_fires_total", Counter, Count, ["rule", "status"], "Events on which a rule acted (live) or would have acted (shadow).";
    TRIPS, "tidegate_rule_trips_total", Counter, Count, ["rule"], "Times that a rule's cap tripped it into shadow: look at it.";
    MISSING, "tidegate_sense_missing_total", Counter, Count, ["sense"], "Decisions for which a sense had failed.";
    LATENCY, "tidegate_batch_latency_seconds", Histogram, Seconds, [], "From the reading of a batch to the emission of its decisions.";
    EMITTED, "tidegate_records_emitted_total", Counter, Count, [], "Records whose outcome is saved and given out.";
    SWAPS, "tidegate_edition_swaps_total", Counter, Count, [], "Editions put in force while running.";
    AUTHORS, "tidegate_state_authors", Gauge, Count, [], "Authors whose counters are held.";
    ROOMS, "tidegate_state_rooms", Gauge, Count, [], "Rooms whose counters are held.";
    IDS, "tidegate_state_event_ids", Gauge, Count, [], "Event ids held, to drop repeats.";
    ACCOUNTS, "tidegate_state_accounts", Gauge, Count, [], "Authors with strikes or steps of a ladder.";
    CLUSTERS, "tidegate_state_clusters", Gauge, Count, [], "Clusters of near-duplicates whose members are counted.";
    ENTRIES, "tidegate_neardup_entries", Gauge, Count, ["of"], "Texts that later ones are compared with.";
    TEXT_BYTES, "tidegate_neardup_text_bytes", Gauge, Bytes, ["of"], "Bytes of stored texts that are still asked for.";
    LEDGER, "tidegate_state_decisions", Gauge, Count, [], "Decisions held that can be overturned.";
    EVICTED, "tidegate_state_evicted", Gauge, Count, ["kind"], "What was dropped to stay within bounds, since the state was begun.";
    WATERMARK, "tidegate_event_time_seconds", Gauge, Seconds, [], "Event time of the stream, since 1970: its distance to now is the lag.";
    LAG, "tidegate_kafka_lag_records", Gauge, Count, ["partition"], "Records of a partition of ours that are not decided on yet.";
    PARTITIONS, "tidegate_kafka_partitions", Gauge, Count, [], "Partitions that the group gave to this instance.";
    READY, "tidegate_kafka_ready", Gauge, Count, [], "1 where every partition of ours has its state back, else 0.";
    TRANSACTIONS, "tidegate_kafka_transactions_total", Counter, Count, ["outcome"], "Batches that were committed, and transactions that were undone (aborted).";
    COMMIT_SECONDS, "tidegate_kafka_commit_seconds_total", Counter, Seconds, [], "How long commits took, all together: divided by their number, the mean.";
    RESTORED, "tidegate_kafka_restored_records_total", Counter, Count, [], "Records of changelogs that were read to get state back.";
    REBALANCES, "tidegate_kafka_rebalances_total", Counter, Count, [], "Times that the group shared its partitions out anew.";
    LOST, "tidegate_kafka_lost_records_total", Counter, Count, [], "Records that the topic's retention deleted before they were read: look at once.";
    STANDING, "tidegate_kafka_standing_authors", Gauge, Count, [], "Authors of whom the topic of standing says something, where standing is shared.";
    FOREIGN, "tidegate_kafka_twins_entries", Gauge, Count, [], "Texts of other partitions that are compared with, where twins are shared.";
    ADOPTED, "tidegate_kafka_twins_adopted_total", Counter, Count, [], "Texts of other partitions that a partition's own were found to be copies of.";
    LATE_LOOKS, "tidegate_late_looks_total", Counter, Count, [], "Messages that were judged again, because a claim that they may repeat came into force later.";
    LATE_LABELS, "tidegate_late_labels_total", Counter, Count, [], "Messages that were labelled so.";
    LATE_NOTICES, "tidegate_late_notices_total", Counter, Count, [], "People who were told so that they had passed a refuted claim on.";
    LOOKING_FOR, "tidegate_late_claims", Gauge, Count, [], "Claims that are still looked for in what was said before they came into force.";
    INDEXED, "tidegate_index_cases_total", Counter, Count, [], "Cases that the index has committed.";
    INDEX_COMMIT, "tidegate_index_commit_seconds", Histogram, Seconds, [], "How long the index's commits took.";
    INDEX_BEHIND, "tidegate_index_behind_bytes", Gauge, Bytes, [], "What waits in the queue of the index: it falls behind where this grows.";
    INDEX_WAITS, "tidegate_index_uncommitted_seconds", Gauge, Seconds, [], "How long the first case that cannot be found yet has waited since it was read from the queue.";
    INDEX_DROPPED, "tidegate_index_dropped_bytes_total", Counter, Bytes, [], "What the queue let go unread because it was full: these cases are not in the index.";
    INDEX_FAILURES, "tidegate_index_failures_total", Counter, Count, [], "Times that the index could not be written; it is tried again.";
    CALLS, "tidegate_http_requests_total", Counter, Count, ["route", "status"], "Calls of the service that were answered.";
    CALL_SECONDS, "tidegate_http_request_seconds", Histogram, Seconds, ["route"], "How long calls of the service took.";
    REFUSALS, "tidegate_edition_refused_total", Counter, Count, [], "Changed editions that were refused because something in them is wrong.";
}

/// Tells the recorder what each metric means. Call it once, after the recorder is installed.
pub fn describe() {
    for metric in METRICS {
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, metric.unit, metric.about),
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.unit, metric.about),
            Kind::Histogram => metrics::describe_histogram!(metric.name, metric.unit, metric.about),
        }
    }
}

/// Counts what a batch did. Once a batch, so that counting costs nothing a message.
pub(super) fn batch(tally: &Tally) {
    for (channel, &n) in Channel::ALL.iter().zip(&tally.events) {
        add(n, || counter!(EVENTS, "channel" => channel.name()));
    }
    add(tally.copies, || counter!(COPIES));
    add(tally.verdicts, || counter!(VERDICTS));
    add(tally.erasures, || counter!(ERASURES));
    add(tally.decisions, || counter!(DECISIONS));
    for (&code, &n) in &tally.rejects {
        add(n, || counter!(REJECTS, "code" => code));
    }
    for (action, by_channel) in &tally.actions {
        for (channel, &n) in Channel::ALL.iter().zip(by_channel) {
            add(n, || counter!(ACTIONS, "action" => action.clone(), "channel" => channel.name()));
        }
    }
    for (rule, fires) in &tally.rules {
        let label = || rule.to_string();
        add(fires.live, || counter!(FIRES, "rule" => label(), "status" => "live"));
        add(fires.shadow, || counter!(FIRES, "rule" => label(), "status" => "shadow"));
        add(u64::from(fires.tripped), || counter!(TRIPS, "rule" => label()));
    }
    add(tally.late.looked, || counter!(LATE_LOOKS));
    add(tally.late.labelled, || counter!(LATE_LABELS));
    add(tally.late.told, || counter!(LATE_NOTICES));
    for (sense, &n) in &tally.missing {
        add(n, || counter!(MISSING, "sense" => sense.to_string()));
    }
}

fn add(n: u64, counter: impl FnOnce() -> metrics::Counter) {
    if n > 0 {
        counter().increment(n);
    }
}

/// Gauges of one loop.
const HELD: usize = 14;

/// What one loop shows of how much it holds. Where several run, a gauge is the sum of all.
#[derive(Default)]
pub(super) struct Shown([f64; HELD]);

impl Shown {
    /// Shows how much is remembered and held to compare with. Once a batch.
    pub(super) fn show(&mut self, sizes: &Sizes, copies: Option<&[TwinSizes; LOGS]>, watermark: Millis) {
        let [window, articles] = copies.copied().unwrap_or_default();
        let values = [
            sizes.authors as f64,
            sizes.rooms as f64,
            sizes.ids as f64,
            sizes.accounts as f64,
            sizes.ledger as f64,
            sizes.clusters as f64,
            sizes.authors_evicted as f64,
            sizes.rooms_evicted as f64,
            sizes.accounts_evicted as f64,
            sizes.clusters_evicted as f64,
            window.entries as f64,
            articles.entries as f64,
            window.text_bytes as f64,
            articles.text_bytes as f64,
        ];
        self.put(values);
        gauge!(WATERMARK).set(watermark as f64 / 1000.0);
    }

    fn put(&mut self, values: [f64; HELD]) {
        let gauges = [
            gauge!(AUTHORS),
            gauge!(ROOMS),
            gauge!(IDS),
            gauge!(ACCOUNTS),
            gauge!(LEDGER),
            gauge!(CLUSTERS),
            gauge!(EVICTED, "kind" => "author"),
            gauge!(EVICTED, "kind" => "room"),
            gauge!(EVICTED, "kind" => "account"),
            gauge!(EVICTED, "kind" => "cluster"),
            gauge!(ENTRIES, "of" => "window"),
            gauge!(ENTRIES, "of" => "articles"),
            gauge!(TEXT_BYTES, "of" => "window"),
            gauge!(TEXT_BYTES, "of" => "articles"),
        ];
        for ((gauge, now), before) in gauges.iter().zip(values).zip(self.0) {
            gauge.increment(now - before);
        }
        self.0 = values;
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.put([0.0; HELD]);
    }
}

/// Counts an emitted batch.
pub(super) fn emitted(elapsed: Duration, records: u64) {
    histogram!(LATENCY).record(elapsed.as_secs_f64());
    counter!(EMITTED).increment(records);
}

/// Shows how many claims are looked for.
pub(super) fn looking_for(claims: usize) {
    gauge!(LOOKING_FOR).set(claims as f64);
}

/// Counts a commit of the index.
pub(super) fn indexed(cases: u64, elapsed: Duration) {
    counter!(INDEXED).increment(cases);
    histogram!(INDEX_COMMIT).record(elapsed.as_secs_f64());
}

/// Counts a failure of the index.
pub(super) fn index_failed() {
    counter!(INDEX_FAILURES).increment(1);
}

/// Shows how far the index is behind.
pub(super) fn index_behind(bytes: u64, waits: Duration, dropped_bytes: u64) {
    gauge!(INDEX_BEHIND).set(bytes as f64);
    gauge!(INDEX_WAITS).set(waits.as_secs_f64());
    counter!(INDEX_DROPPED).absolute(dropped_bytes);
}

/// Counts a call of the service. `route` is its pattern, never a path with names in it.
pub fn call(route: &str, status: u16, elapsed: Duration) {
    counter!(CALLS, "route" => route.to_owned(), "status" => status.to_string()).increment(1);
    histogram!(CALL_SECONDS, "route" => route.to_owned()).record(elapsed.as_secs_f64());
}

/// Counts an edition put in force.
pub(super) fn swapped() {
    counter!(SWAPS).increment(1);
}

/// Counts an edition refused.
pub(super) fn refused() {
    counter!(REFUSALS).increment(1);
}

/// Shows what the group's member knows. Once a second.
#[cfg(feature = "kafka")]
pub(super) fn kafka(member: &crate::io::kafka::Member) {
    let lags = member.lags();
    for lag in &lags {
        gauge!(LAG, "partition" => lag.partition.to_string()).set(lag.records as f64);
    }
    gauge!(PARTITIONS).set(member.partitions_held() as f64);
    gauge!(READY).set(f64::from(u8::from(member.is_ready())));
    let counted = member.counted();
    counter!(TRANSACTIONS, "outcome" => "committed").absolute(counted.committed);
    counter!(TRANSACTIONS, "outcome" => "aborted").absolute(counted.aborted);
    counter!(COMMIT_SECONDS).absolute(counted.commit_time.as_secs());
    counter!(RESTORED).absolute(counted.restored);
    counter!(REBALANCES).absolute(counted.rebalances);
    counter!(LOST).absolute(counted.lost);
}

/// Shows what other lanes told. With each look.
#[cfg(feature = "kafka")]
pub(super) fn heard(board: Option<&crate::state::Board>, elsewhere: Option<&crate::pipeline::Elsewhere>) {
    if let Some(board) = board {
        gauge!(STANDING).set(board.len() as f64);
    }
    if let Some(elsewhere) = elsewhere {
        gauge!(FOREIGN).set(elsewhere.sizes().entries as f64);
        counter!(ADOPTED).absolute(elsewhere.adopted());
    }
}
