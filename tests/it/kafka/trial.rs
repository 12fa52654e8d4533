//! The stage under trial: topics of its own, instances of the built binary, a feed, and the undisturbed embedded run that
//! all of it is held against.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;
use tempfile::TempDir;

use super::broker::fresh;
use super::client;
use super::stream::{GivenOut, Record};

/// A rule that fires on every message, so that every message has a decision which can be lost or doubled.
const EVERY: &str = "\
- id: trial.every
  when: text.chars >= 0
  do:
    - review: {queue: every}
  owner: tests
  expires: 2099-01-01
  status: live
  tests:
    - {text: anything, expect: fires}
";

/// What the embedded run and the instances share.
const SETTINGS: &str = "\
[bounds]
future_ms_max = 31622400000
[state]
seed = 7
[neardup]
entries_max =";

/// A stage and its surroundings.
pub(crate) struct Trial {
    bootstrap: String,
    name: String,
    partitions: usize,
    dir: TempDir,
    edition: PathBuf,
    settings: String,
    /// How many texts each lane's window holds.
    entries_max: usize,
    /// Looks at what the group has committed.
    watch: BaseConsumer,
}

impl Trial {
    /// Makes the topics. `settings` is TOML that follows `[kafka]` in the instances' configuration.
    pub(crate) fn new(bootstrap: &str, name: &str, partitions: usize, settings: &str) -> Self {
        let dir = TempDir::with_prefix("tidegate-trial-").unwrap();
        fs::create_dir(dir.path().join("overlay")).unwrap();
        fs::write(dir.path().join("overlay/every.yaml"), EVERY).unwrap();
        let edition = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/edition");
        let (bootstrap, name, settings) = (bootstrap.to_owned(), fresh(name), settings.to_owned());
        let watch = client::reader(&bootstrap, &name, "read_committed");
        let entries_max = 100_000;
        let trial = Self { bootstrap, name, partitions, dir, edition, settings, entries_max, watch };
        trial.make_topics();
        trial
    }

    /// The same with the edition of another folder.
    pub(crate) fn with_edition(mut self, edition: &Path) -> Self {
        edition.clone_into(&mut self.edition);
        self
    }

    /// The same with one more rule, beside the one that fires on every message.
    pub(crate) fn with_rule(self, rule: &str) -> Self {
        fs::write(self.at("overlay/more.yaml"), rule).unwrap();
        self
    }

    /// The same with a window of so many texts in each lane.
    pub(crate) fn with_window(mut self, entries_max: usize) -> Self {
        self.entries_max = entries_max;
        self
    }

    /// The same with the rules that ship and no other: as many decisions as a platform has.
    pub(crate) fn with_shipped_rules(mut self) -> Self {
        fs::remove_dir_all(self.at("overlay")).unwrap();
        self.edition = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
        self
    }

    fn make_topics(&self) {
        fs::write(self.at("embedded.toml"), format!("{SETTINGS} {}\n", self.entries_max)).unwrap();
        let config = self.at("topics.toml");
        fs::write(&config, self.config()).unwrap();
        let partitions = self.partitions.to_string();
        let made = tidegate(&["topics", "create", "--partitions", &partitions, "--config"]).arg(&config).output();
        let made = made.unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    /// A path in the folder of the trial.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The name of a topic: `events`, `actions`, `rejects`, `state`.
    pub(crate) fn topic(&self, role: &str) -> String {
        format!("{}.{role}", self.name)
    }

    fn config(&self) -> String {
        let brokers: Vec<String> = self.bootstrap.split(',').map(|broker| format!("{broker:?}")).collect();
        let (name, brokers, settings) = (&self.name, brokers.join(", "), &self.settings);
        let entries_max = self.entries_max;
        format!(
            "{SETTINGS} {entries_max}\n[kafka]\nbrokers = [{brokers}]\ntopic = \"{name}.events\"\nprefix = \"{name}.\"\ngroup = \"{name}\"\n{settings}\n"
        )
    }

    fn with_editions<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        let overlay = self.at("overlay");
        command.arg("--edition").arg(&self.edition);
        if overlay.exists() { command.arg("--overlay").arg(overlay) } else { command }
    }

    /// What embedded runs give out, one for each partition.
    pub(crate) fn expected(&self, records: &[Record]) -> GivenOut {
        let mut given = GivenOut::default();
        for partition in 0..self.partitions {
            let own = records.iter().filter(|record| record.partition == partition);
            let (mut child, output) = self.embedded(&format!("embedded-{partition}"), own);
            assert!(child.wait().unwrap().success(), "the embedded run fails");
            let read = |name: &str| fs::read_to_string(output.join(name)).unwrap();
            given.add_files(&read("actions.jsonl"), &read("rejects.jsonl"));
        }
        given
    }

    /// What embedded runs decide, one for each partition.
    pub(crate) fn embedded_actions(&self, records: &[Record]) -> Vec<String> {
        let run = |partition: usize| {
            let own = records.iter().filter(|record| record.partition == partition);
            let (mut child, output) = self.embedded(&format!("alone-{partition}"), own);
            assert!(child.wait().unwrap().success(), "the embedded run fails");
            let actions = fs::read_to_string(output.join("actions.jsonl")).unwrap();
            fs::remove_dir_all(output).unwrap();
            actions
        };
        (0..self.partitions).map(run).collect()
    }

    /// Processor time of one embedded run over all of it; `None` where there is no /proc to read it from.
    pub(crate) fn embedded_time(&self, name: &str, records: &[Record]) -> Option<Duration> {
        let (mut child, _) = self.embedded(name, records.iter());
        // Of a process that has ended, and was not waited for yet, everything is still to be read.
        let time = loop {
            match processor_time(child.id()) {
                Some((time, 'Z')) => break Some(time),
                Some(_) => pause(Duration::from_millis(10)),
                None => break None,
            }
        };
        assert!(child.wait().unwrap().success(), "the embedded run fails");
        time
    }

    fn embedded<'r>(&self, name: &str, records: impl Iterator<Item = &'r Record>) -> (Child, PathBuf) {
        let (input, output) = (self.at(&format!("{name}.jsonl")), self.at(name));
        let lines: Vec<&[u8]> = records.flat_map(|record| [&record.value[..], b"\n"]).collect();
        fs::write(&input, lines.concat()).unwrap();
        let mut command = tidegate(&["run", "--json", "--config"]);
        command.env("TIDEGATE_LOG", "error");
        command.arg(self.at("embedded.toml")).arg("--input").arg(&input).arg("--output").arg(&output);
        let child = self.with_editions(&mut command).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        (child, output)
    }

    /// The folder of rules, and the one that is laid over it.
    pub(crate) fn edition(&self) -> &Path {
        &self.edition
    }

    /// See [`Trial::edition`].
    pub(crate) fn overlay(&self) -> PathBuf {
        self.at("overlay")
    }

    /// A command on the stage.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = tidegate(args);
        command.arg("--config").arg(self.at("topics.toml"));
        command
    }

    /// An instance on the folder of that name, yet to be started.
    pub(crate) fn instance(&self, name: &str) -> Command {
        let output = self.at(name);
        fs::create_dir_all(&output).unwrap();
        let config = self.at(&format!("{name}.toml"));
        fs::write(&config, self.config()).unwrap();
        let mut command = tidegate(&["run", "--json", "--config"]);
        command.arg(&config).arg("--output").arg(&output).env("TIDEGATE_LOG", "info");
        self.with_editions(&mut command).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Starts an instance on the folder of that name, which keeps what an earlier one left there.
    pub(crate) fn start(&self, name: &str) -> Instance {
        let log = self.at(&format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let child = self.instance(name).stderr(file).spawn();
        Instance { child: child.unwrap(), log }
    }

    /// What clients are given as `bootstrap.servers`.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Sends these records in their order; at most so many in a second, if that is said.
    pub(crate) fn feed(&self, records: &[Record], per_second: Option<u32>) {
        let (producer, topic, begun) = (client::producer(&self.bootstrap), self.topic("events"), now());
        for (number, record) in (0u32..).zip(records) {
            if let Some(rate) = per_second.filter(|_| number % 50 == 0) {
                let due = Duration::from_secs(1) * number / rate;
                pause(due.saturating_sub(begun.elapsed()));
            }
            let partition = i32::try_from(record.partition).unwrap();
            client::send(&producer, &topic, partition, record.key.as_bytes(), &record.value);
        }
        client::flush(&producer);
    }

    /// How many records the group has not committed yet.
    pub(crate) fn lag(&self) -> i64 {
        client::lag(&self.watch, &self.topic("events"))
    }

    /// Waits until the group has committed all that is in the input.
    pub(crate) fn drained(&self, within: Duration) {
        let begun = now();
        loop {
            let lag = self.lag();
            if lag == 0 {
                return;
            }
            assert!(begun.elapsed() < within, "{within:?} have passed and {lag} records wait; {}", self.logs());
            pause(Duration::from_millis(200));
        }
    }

    /// Waits until the group has read all that lanes told one another.
    pub(crate) fn told(&self, within: Duration) {
        let (begun, topic) = (now(), self.topic("strikes"));
        while !client::is_read(&self.bootstrap, &self.watch, &topic) {
            assert!(begun.elapsed() < within, "{within:?} have passed and strikes wait; {}", self.logs());
            pause(Duration::from_millis(300));
        }
    }

    /// What a `read_committed` consumer sees.
    pub(crate) fn given_out(&self) -> GivenOut {
        let read = |role: &str| client::committed(&self.bootstrap, &self.topic(role));
        GivenOut::of_topics(&read("actions"), &read("rejects"))
    }

    /// The ends of the instances' logs, for a test that fails.
    pub(crate) fn logs(&self) -> String {
        let files = fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().path());
        let logs = files.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
        let ends = logs.map(|path| {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            format!("\n{}:\n{}", path.display(), lines[lines.len().saturating_sub(15)..].join("\n"))
        });
        ends.collect()
    }
}

/// The built binary.
pub(crate) fn tidegate(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(args).env("NO_COLOR", "1");
    command
}

/// One running instance; killed when dropped.
pub(crate) struct Instance {
    child: Child,
    log: PathBuf,
}

impl Instance {
    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops it in its tracks: it does not know that time passes.
    pub(crate) fn freeze(&self) {
        signal(self.pid(), "STOP");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        signal(self.pid(), "CONT");
    }

    /// Asks it to save what it has read and end, and waits until it has.
    pub(crate) fn stop(mut self) -> ExitStatus {
        signal(self.pid(), "TERM");
        self.child.wait().unwrap()
    }

    /// Whether it lives.
    pub(crate) fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.end();
    }
}

/// Processor time of a process so far, of all its threads, and its state; `None` where there is no /proc.
pub(crate) fn processor_time(pid: u32) -> Option<(Duration, char)> {
    // Linux tells it in hundredths of a second (`USER_HZ`).
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may hold anything; after it come the state and numbers.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = fields.get(11)?.parse::<u32>().ok()? + fields.get(12)?.parse::<u32>().ok()?;
    Some((TICK * ticks, fields[0].chars().next()?))
}

/// Sends a signal to a process that we started.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap();
    assert!(sent.success(), "process {pid} is gone");
}

/// What the clock says, for rates and deadlines.
#[expect(clippy::disallowed_methods, reason = "other processes are timed")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Lets some time go by.
#[expect(clippy::disallowed_methods, reason = "other processes are looked at, and they wake nobody")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
