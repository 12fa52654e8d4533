//! What Kafka adds to the processor time of a message: the same stream through an embedded run and through one instance.

use std::time::Duration;

use crate::args::Args;
use crate::stream::keyed;
use crate::trial::{Trial, now, pause, processor_time};

const PATIENCE: Duration = Duration::from_secs(600);
pub(crate) fn run(bootstrap: &str, args: &Args) {
    let records = keyed(crate::lines(args, args.cost_messages), args.partitions);
    let per_message = |time: Duration| time.as_secs_f64() * 1e6 / records.len() as f64;
    let trial = Trial::new(bootstrap, "cost", args.partitions, "").with_shipped_rules();
    let Some((embedded, beginning)) = trial.embedded_time("whole", &records).zip(trial.embedded_time("none", &[]))
    else {
        println!("cost: not measured, there is no /proc here");
        return;
    };
    let embedded = embedded.saturating_sub(beginning);
    println!(
        "cost: {} messages, {} partitions; processor time of the stage, broker apart",
        records.len(),
        args.partitions
    );
    println!("  embedded          {:6.2} µs a message (files in, files out)", per_message(embedded));
    for delivery in ["exactly_once", "at_least_once"] {
        let settings = format!("delivery = \"{delivery}\"");
        let trial = Trial::new(bootstrap, "cost", args.partitions, &settings).with_shipped_rules();
        let instance = trial.start("a");
        // Reading the rules and joining the group is no cost of a message.
        pause(Duration::from_secs(8));
        let (beginning, _) = processor_time(instance.pid()).expect("it was there for the embedded run");
        let begun = now();
        trial.feed(&records, None);
        trial.drained(PATIENCE);
        let elapsed = begun.elapsed();
        let (time, _) = processor_time(instance.pid()).expect("it was there for the embedded run");
        let time = time - beginning;
        assert!(instance.stop().success());
        let (cost, more) = (per_message(time), per_message(time) - per_message(embedded));
        let rate = records.len() as f64 / elapsed.as_secs_f64();
        println!(
            "  {delivery:17} {cost:6.2} µs a message ({more:+.2} to the embedded run), {rate:.0} messages a second"
        );
    }
}
