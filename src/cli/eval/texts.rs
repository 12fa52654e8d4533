//! The texts that an evaluation works on: one a line of a plain file, of JSON lines, or of a file of labels and texts.

use std::path::Path;

use anyhow::{Context, anyhow, bail};
use serde::Deserialize;

use crate::cli::Output;
use crate::cli::term::{Progress, Unit};
use crate::io::{BatchLimits, FileSource, Flow, RawBatch, ReadOptions, Source};

/// How a line holds its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// It is the text.
    Plain,
    /// The field `text` of an object.
    Json,
    /// What follows the first tab.
    Labelled,
}

impl Form {
    /// `posts.jsonl.zst` is JSON, `labels.tsv` has labels, anything else is plain.
    fn of(path: &Path) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        let name = name.trim_end_matches(".zst").trim_end_matches(".gz");
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("jsonl" | "ndjson" | "json") => Self::Json,
            Some("tsv") => Self::Labelled,
            _ => Self::Plain,
        }
    }

    fn text(self, line: &str) -> anyhow::Result<String> {
        #[derive(Deserialize)]
        struct Object {
            text: String,
        }
        match self {
            Self::Plain => Ok(line.to_owned()),
            Self::Json => Ok(serde_json::from_str::<Object>(line).context("no JSON object with a field `text`")?.text),
            Self::Labelled => {
                let text = line.split_once('\t').map(|(_, text)| text.to_owned());
                text.ok_or_else(|| anyhow!("no tab between a label and a text"))
            }
        }
    }
}

/// Reads the texts of a file, those without anything but white space left out.
///
/// # Errors
/// If the file cannot be read, or one of its lines does not have the form that its name promises.
pub(super) fn read(path: &Path, max: usize, output: &Output) -> anyhow::Result<Vec<String>> {
    let form = Form::of(path);
    let mut source = FileSource::files(&[path], ReadOptions::default())?;
    let mut bar = None;
    let (mut texts, mut done_bytes) = (Vec::new(), 0);
    let mut batch = RawBatch::default();
    loop {
        let flow = source.fill(&mut batch, &BatchLimits::default())?;
        for raw in batch.iter() {
            if let Some(fault) = raw.fault {
                bail!("{}: {fault}", raw.offset);
            }
            let line = std::str::from_utf8(raw.bytes).with_context(|| format!("{}: not UTF-8", raw.offset))?;
            let text = form.text(line).with_context(|| raw.offset.to_string())?;
            if texts.len() < max && !text.trim().is_empty() {
                texts.push(text);
            }
        }
        let progress = source.progress();
        let bar = bar.get_or_insert_with(|| Progress::new(output.err, Unit::Bytes, progress.total_bytes, "reading"));
        bar.advance(progress.done_bytes.saturating_sub(done_bytes));
        done_bytes = progress.done_bytes;
        if flow == Flow::End || texts.len() >= max {
            return Ok(texts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_how_a_line_holds_its_text() {
        let cases = [
            ("a/posts.jsonl", Form::Json),
            ("posts.JSONL.zst", Form::Json),
            ("labels.tsv.gz", Form::Labelled),
            ("texts.txt", Form::Plain),
            ("texts", Form::Plain),
        ];
        for (path, form) in cases {
            assert_eq!(Form::of(Path::new(path)), form, "{path}");
        }
    }

    #[test]
    fn texts_are_taken_out_of_their_lines() {
        assert_eq!(Form::Json.text(r#"{"id":1,"text":"一\n二"}"#).unwrap(), "一\n二");
        assert_eq!(Form::Labelled.text("1\ta\tb").unwrap(), "a\tb");
        assert_eq!(Form::Plain.text("a\tb").unwrap(), "a\tb");
        assert!(Form::Json.text("text").is_err() && Form::Labelled.text("text").is_err());
    }
}
