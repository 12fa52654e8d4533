//! The ladder: what happens to an author as points add up, channel by channel.

use std::sync::Arc;

use crate::event::{Channel, Millis};
use crate::problem::Problem;

use super::SourceFile;
use super::actions::{ActionSpec, OF_STEP};
use super::keys;
use super::places::Lines;
use super::reader::Reader;
use super::yaml::{self, Node};

/// The ladders of all channels. A channel without one has no penalties.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ladder {
    channels: [Option<Penalties>; 5],
}

/// The ladder of one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Penalties {
    /// How long a point counts, in milliseconds of event time.
    pub expires_ms: Millis,
    /// From few points to many, each `at` once.
    pub steps: Vec<Step>,
}

/// One step of a ladder.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The points that are reached.
    pub at: u32,
    /// What is done, in order.
    pub actions: Vec<ActionSpec>,
    /// The file that it stands in.
    pub file: Arc<str>,
    /// The line that it stands in.
    pub line: u32,
}

impl Ladder {
    /// Reads the shipped ladder and a site's; a channel of the site's replaces the shipped one.
    #[must_use]
    pub fn read(base: Option<&SourceFile>, overlay: Option<&SourceFile>) -> (Self, Vec<Problem>) {
        let mut ladder = Self::default();
        let mut problems = Vec::new();
        for file in base.into_iter().chain(overlay) {
            let mut reader = Reader { file: &file.name, lines: Lines::new(&file.text), problems: &mut problems };
            for root in yaml::read(&file.name, &file.text, reader.problems) {
                ladder.take(&mut reader, &root);
            }
        }
        (ladder, problems)
    }

    /// The ladder of that channel.
    #[must_use]
    pub fn of(&self, channel: Channel) -> Option<&Penalties> {
        self.channels[channel as usize].as_ref()
    }

    fn take(&mut self, reader: &mut Reader<'_>, root: &Node<'_>) {
        if root.is_null() {
            return;
        }
        let Some(fields) = reader.fields(root, "the ladder", keys::LADDER) else { return };
        for channel in Channel::ALL {
            let penalties = fields.get(channel.name()).and_then(|node| reader.penalties(node, channel));
            if penalties.is_some() {
                self.channels[channel as usize] = penalties;
            }
        }
    }
}

impl Reader<'_> {
    fn penalties(&mut self, node: &Node<'_>, channel: Channel) -> Option<Penalties> {
        let fields = self.fields(node, &format!("the ladder of `{channel}`"), keys::PENALTIES)?;
        let expires_ms = fields.get("expires").and_then(|node| self.duration(node, "`expires`"));
        let items = fields.get("steps").map(|node| self.list(node, "`steps`")).unwrap_or_default();
        let steps: Vec<Step> = items.iter().filter_map(|item| self.step(item)).collect();
        for pair in steps.windows(2).filter(|pair| pair[0].at >= pair[1].at) {
            let place = yaml::Place { line: pair[1].line, column: 0, length: 0 };
            let message = format!("the step at {} points follows the one at {}", pair[1].at, pair[0].at);
            self.error(place, message, Some("write the steps from few points to many, each number once".into()));
        }
        Some(Penalties { expires_ms: expires_ms?, steps })
    }

    fn step(&mut self, node: &Node<'_>) -> Option<Step> {
        let fields = self.fields(node, "a step", keys::STEP)?;
        let actions = fields.get("do").map(|node| self.actions(node, &OF_STEP)).unwrap_or_default();
        let at = self.integer(fields.get("at")?, "`at`", 1, 1_000_000)?;
        Some(Step { at: u32::try_from(at).ok()?, actions, file: Arc::clone(self.file), line: node.place.line })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder(base: &str, overlay: Option<&str>) -> (Ladder, Vec<Problem>) {
        let overlay = overlay.map(|text| SourceFile::new("site/ladder.yaml", text));
        Ladder::read(Some(&SourceFile::new("ladder.yaml", base)), overlay.as_ref())
    }

    const BASE: &str = "group:\n  expires: 90d\n  steps:\n    - at: 2\n      do: [{notice: {to: author, code: first}}]\n    \
                        - at: 4\n      do: [{limit: {scope: author, for: 1h}}]\npost: {expires: 30d, steps: []}\n";

    #[test]
    fn a_channel_of_the_site_replaces_the_shipped_one() {
        let (ladder, problems) = ladder(BASE, Some("group: {expires: 1d, steps: [{at: 9, do: [{fold: {level: 3}}]}]}"));
        assert_eq!(problems, []);
        let group = ladder.of(Channel::Group).unwrap();
        assert_eq!((group.expires_ms, group.steps.len(), group.steps[0].at), (86_400_000, 1, 9));
        assert_eq!(ladder.of(Channel::Post).unwrap().expires_ms, 30 * 86_400_000);
        assert_eq!(ladder.of(Channel::Ad), None);
    }

    #[test]
    fn what_a_step_does_over_time_must_end_by_itself() {
        let mut problems = ladder(
            "group:\n  expires: 90d\n  steps:\n    - at: 2\n      do:\n        - limit: {scope: author}\n        \
             - label: {code: a, for: }\n        - limit: {scope: reach, for: 1h}\n        - fold: {level: 1}\n    \
             - at: 3\n      do: [{limit: {scope: author, for: soon}}, {limit: nothing}]\n",
            None,
        )
        .1;
        let rest = problems.split_off(2);
        assert_eq!(rest.len(), 2, "one problem for each other mistake: {rest:#?}");
        let places: Vec<_> = problems.iter().map(|p| (&*p.message, p.line, p.column)).collect();
        let expected = [("`limit` lacks `for`", 6, 18), ("`label` lacks `for`", 7, 18)];
        assert_eq!(places, expected);
        assert_eq!(
            problems[0].hint.as_deref(),
            Some("How long: a step ends by itself, so add one such as `for: 24h`.")
        );
    }

    #[test]
    fn every_mistake_of_a_ladder_is_reported() {
        let (_, problems) =
            ladder("groop: {}\npost:\n  steps: [{at: 3, do: []}, {at: 2, do: [{fold: {level: 4}}]}]\n", None);
        let lines: Vec<_> = problems.iter().map(|p| (p.line, p.column)).collect();
        assert_eq!(lines, [(1, 1), (3, 3), (3, 23), (3, 56), (3, 0)], "{problems:#?}");
        assert_eq!(problems[0].hint.as_deref(), Some("did you mean `group`?"));
    }
}
