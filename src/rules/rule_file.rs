//! Rule files: lists of rules, read one by one, so that a mistake costs one rule and not its file.

use std::ops::Range;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::event::{Channel, Millis};
use crate::problem::Problem;
use crate::signal::Catalogue;

use super::SourceFile;
use super::actions::OF_RULE;
use super::cel::{self, Bool, Condition};
use super::keys;
use super::places::{Lines, place_in};
use super::reader::{Fields, Reader};
use super::rule::{Channels, Rule, Status};
use super::rule_test::Expect;
use super::satisfy::{Futile, futile};
use super::yaml::{self, Kind, Node};

/// Rules that were read, with the place of each id: list index and whether it came from the overlay.
struct Shelf {
    entries: Vec<(Rule, Bool)>,
    by_id: HashMap<Arc<str>, (usize, bool), FixedState>,
    /// Ids of rules that could not be read: a repetition of them is still one.
    broken: HashMap<Arc<str>, (Arc<str>, u32, bool), FixedState>,
}

/// Reads base and overlay.
pub(crate) fn read(
    base: &[SourceFile],
    overlay: &[SourceFile],
    catalogue: &Catalogue,
) -> (Vec<(Rule, Bool)>, Vec<Problem>) {
    let mut shelf = Shelf { entries: Vec::new(), by_id: HashMap::default(), broken: HashMap::default() };
    let mut problems = Vec::new();
    let files = base.iter().map(|file| (file, false)).chain(overlay.iter().map(|file| (file, true)));
    for (file, is_overlay) in files {
        let mut of_file = Vec::new();
        let text = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
        let mut reader = Reader { file: &file.name, lines: Lines::new(text), problems: &mut of_file };
        for root in yaml::read(&file.name, text, reader.problems) {
            for node in reader.rules(&root) {
                reader.rule(node, catalogue, &mut shelf, is_overlay);
            }
        }
        of_file.sort_by_key(|problem| (problem.line, problem.column));
        problems.append(&mut of_file);
    }
    (shelf.entries, problems)
}

impl Reader<'_> {
    fn rules<'n, 'a>(&mut self, root: &'n Node<'a>) -> &'n [Node<'a>] {
        match &root.kind {
            Kind::List(items) => items,
            Kind::Refused => &[],
            _ if root.is_null() => &[],
            _ => {
                let hint = Some("begin each rule with `- id: …`".into());
                self.error(root.place, format!("a rule file is a list of rules, not {}", root.noun()), hint);
                &[]
            }
        }
    }

    fn rule(&mut self, node: &Node<'_>, catalogue: &Catalogue, shelf: &mut Shelf, is_overlay: bool) {
        let Some(fields) = self.fields(node, "a rule", keys::RULE) else { return };
        let id = fields.get("id").and_then(|node| self.id(node));
        let condition = fields.get("when").and_then(|node| self.when(node, catalogue));
        let tests = fields.get("tests").map(|node| self.tests(node, catalogue)).unwrap_or_default();
        let channels = fields.get("channels").map_or(Channels::ALL, |node| self.channels(node));
        let actions = fields.get("do").map(|node| self.actions(node, &OF_RULE)).unwrap_or_default();
        let points = fields.get("points").and_then(|node| self.integer(node, "`points`", 0, keys::POINTS_MAX));
        let cap_per_hour = fields.get("cap").and_then(|node| self.cap(node));
        let mut rule = Rule {
            id: id.clone().unwrap_or_default(),
            about: fields.get("about").and_then(|node| self.wording(node, "`about`")),
            channels,
            when: "".into(),
            status: fields.get("status").and_then(|node| self.status(node)).unwrap_or(Status::Draft),
            actions,
            points: points.and_then(|points| u32::try_from(points).ok()).unwrap_or(0),
            cap_per_hour,
            expires: fields.get("expires").and_then(|node| self.day(node, "`expires`")).unwrap_or(Millis::MAX),
            owner: fields.get("owner").and_then(|node| self.string(node, "`owner`")).map(Into::into),
            grounds: Vec::new(),
            revision: 0,
            tests,
            file: Arc::clone(self.file),
            line: fields.get("id").map_or(node.place.line, |id| id.place.line),
        };
        self.check_life(&fields, &mut rule);
        let Some(id) = id else { return };
        if !self.is_new(&fields, &id, shelf, is_overlay) {
            return;
        }
        let Some((when, condition)) = condition else {
            shelf.broken.insert(id, (Arc::clone(self.file), rule.line, is_overlay));
            return;
        };
        rule.when = when;
        rule.grounds = condition.grounds;
        rule.revision = revision(&rule);
        shelf.put(rule, condition.tree, is_overlay);
    }

    fn id(&mut self, node: &Node<'_>) -> Option<Arc<str>> {
        let id = self.string(node, "`id`")?;
        let word = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        if id.split('.').all(word) {
            return Some(id.into());
        }
        let hint = "lower-case letters, digits and `_`, joined by dots, such as group.gambling.invite";
        self.error(node.place, format!("`{id}` is not an id"), Some(hint.into()));
        None
    }

    fn is_new(&mut self, fields: &Fields<'_, '_>, id: &Arc<str>, shelf: &Shelf, is_overlay: bool) -> bool {
        let Some((file, line, was_overlay)) = shelf.place_of(id) else { return true };
        if is_overlay && !was_overlay {
            return true;
        }
        let place = fields.get("id").map_or(fields.place, |node| node.place);
        let hint = Some(format!("the first one is in {file}, line {line}"));
        self.error(place, format!("there are two rules with the id `{id}`"), hint);
        false
    }

    fn channels(&mut self, node: &Node<'_>) -> Channels {
        let items = self.list(node, "`channels`");
        let mut channels = Channels::NONE;
        for item in items {
            let channel = self.one_of(item, "`channels`", keys::CHANNELS).and_then(keys::channel);
            channels = channel.map_or(channels, |channel| channels.with(channel));
        }
        if items.is_empty() && matches!(node.kind, Kind::List(_)) {
            self.error(node.place, "`channels` is an empty list", Some("leave it out for all channels".into()));
        }
        channels
    }

    fn status(&mut self, node: &Node<'_>) -> Option<Status> {
        Some(match self.one_of(node, "`status`", keys::STATUSES)? {
            "live" => Status::Live,
            "shadow" => Status::Shadow,
            _ => Status::Draft,
        })
    }

    fn cap(&mut self, node: &Node<'_>) -> Option<u32> {
        let fields = self.fields(node, "`cap`", keys::CAP)?;
        let cap = self.integer(fields.get("per_hour")?, "`per_hour` of `cap`", 1, 1_000_000_000)?;
        u32::try_from(cap).ok()
    }

    /// What a live rule must have; one that lacks it is an error and stays a draft.
    fn check_life(&mut self, fields: &Fields<'_, '_>, rule: &mut Rule) {
        let place = fields.get("status").map_or(fields.place, |node| node.place);
        if rule.status == Status::Live {
            let lacks = ["tests", "owner", "expires"].into_iter().filter(|key| fields.get(key).is_none());
            let lacks: Vec<_> = lacks.map(|key| format!("`{key}`")).collect();
            if !lacks.is_empty() {
                let hint = Some("add them, or set `status: shadow`".into());
                self.error(place, format!("a live rule must have {}", lacks.join(", ")), hint);
                rule.status = Status::Draft;
            }
        }
        let Some(tests) = fields.get("tests") else { return };
        for (expect, word) in [(Expect::Fires, "fires"), (Expect::Silent, "silent")] {
            if !rule.tests.iter().any(|test| test.expect == expect) {
                let hint = "show one message that it fires on and a similar one that it leaves alone";
                self.warning(tests.place, format!("no test expects `{word}`"), hint);
            }
        }
    }

    /// The condition as written, and what it means.
    fn when(&mut self, node: &Node<'_>, catalogue: &Catalogue) -> Option<(Arc<str>, Condition)> {
        let source = self.condition_text(node)?;
        match cel::check(source, catalogue) {
            Ok(condition) => {
                let is_sound = self.is_sound(node, source, &condition, catalogue);
                is_sound.then(|| (source.trim().into(), condition))
            }
            Err(faults) => {
                for fault in faults {
                    self.condition_error(node, source, fault.at, fault.message, fault.hint);
                }
                None
            }
        }
    }

    /// A condition may be `true`, which YAML takes for something else than a string.
    fn condition_text<'n>(&mut self, node: &'n Node<'_>) -> Option<&'n str> {
        match &node.kind {
            Kind::Scalar(text, _) => Some(text),
            _ => self.string(node, "`when`"),
        }
    }

    fn is_sound(&mut self, node: &Node<'_>, source: &str, condition: &Condition, catalogue: &Catalogue) -> bool {
        let (message, hint) = match futile(&condition.tree, catalogue) {
            None => return true,
            Some(Futile::Always) => ("this is always true: the rule would fire on every event".into(), None),
            Some(Futile::Never(Some(slot))) => {
                let name = &catalogue.definition(slot).name;
                (format!("this can never be true: no value of `{name}` fits"), Some("the rule is unreachable"))
            }
            Some(Futile::Never(None)) => ("this can never be true".into(), Some("the rule is unreachable")),
        };
        let start = source.len() - source.trim_start().len();
        let all = start..source.trim_end().len().max(start);
        self.condition_error(node, source, all, message, hint.map(Into::into));
        false
    }

    fn condition_error(
        &mut self,
        node: &Node<'_>,
        source: &str,
        at: Range<usize>,
        message: String,
        hint: Option<String>,
    ) {
        let place = place_in(node, source, at, &self.lines);
        self.error(place, message, hint);
    }
}

impl Shelf {
    fn place_of(&self, id: &Arc<str>) -> Option<(Arc<str>, u32, bool)> {
        let known = self.by_id.get(id).map(|(at, is_overlay)| {
            let rule = &self.entries[*at].0;
            (Arc::clone(&rule.file), rule.line, *is_overlay)
        });
        known.or_else(|| self.broken.get(id).cloned())
    }

    fn put(&mut self, rule: Rule, tree: Bool, is_overlay: bool) {
        let id = Arc::clone(&rule.id);
        if let Some((at, was_overlay)) = self.by_id.get_mut(&id) {
            *was_overlay = is_overlay;
            self.entries[*at] = (rule, tree);
            return;
        }
        self.by_id.insert(id, (self.entries.len(), is_overlay));
        self.entries.push((rule, tree));
    }
}

/// The hash of what a rule means. Every part is written with its length, so that no two meanings share a text.
fn revision(rule: &Rule) -> u64 {
    let mut hasher = blake3::Hasher::new();
    let channels: Vec<_> = rule.channels.iter().map(Channel::name).collect();
    let parts = [
        cel::normalized(&rule.when),
        channels.join(" "),
        format!("{:?}", rule.actions),
        rule.points.to_string(),
        format!("{:?}", rule.cap_per_hour),
    ];
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let hash = *hasher.finalize().as_bytes();
    u64::from_le_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]])
}
