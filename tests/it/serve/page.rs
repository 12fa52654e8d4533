//! The page of the API says what the service answers: every call on it is made, in its order, and every answer compared. `make bless`
//! writes the answers; both languages have the same.

use std::fs;
use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use super::house::House;
use crate::bless::is_blessing;
use crate::stage::path;

const PAGES: [&str; 2] = ["docs/api.md", "docs/api.zh.md"];
const OPENING: &str = "```console";
const SETTINGS: &str = "[index]\nordinary_share = 1.0\ncommit_every_ms = 50\n";
/// How often an answer is asked for that what is filed must come into first.
const TRIES: u32 = 100;
const LINE_CHARS: usize = 118;

/// A call, and what stands below it.
#[derive(Debug, PartialEq)]
struct Example {
    command: String,
    answer: String,
}

fn examples(page: &str) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let mut is_inside = false;
    for line in page.lines() {
        match line.strip_prefix("$ ") {
            _ if line == OPENING => is_inside = true,
            _ if line == "```" => is_inside = false,
            Some(command) if is_inside => found.push(Example { command: command.to_owned(), answer: String::new() }),
            _ if is_inside => found.last_mut().expect("a block begins with a call").answer.push_str(line),
            _ => {}
        }
    }
    found
}

/// The words of a command as a shell cuts them.
fn words(command: &str, address: &str, token: &str) -> Vec<String> {
    let filled = |text: &str| text.replace("$API", address).replace("$TOKEN", token);
    let (mut words, mut word, mut rest) = (Vec::new(), String::new(), command);
    loop {
        let (open, escapes) = (rest.strip_prefix("$'"), rest.starts_with("$'"));
        if let Some(inner) = open.or_else(|| rest.strip_prefix('\'')) {
            let (inside, after) = inner.split_once('\'').expect("a quote is closed");
            word.push_str(&if escapes { inside.replace("\\n", "\n") } else { inside.to_owned() });
            rest = after;
        } else if let Some(inner) = rest.strip_prefix('"') {
            let (inside, after) = inner.split_once('"').expect("a quote is closed");
            word.push_str(&filled(inside));
            rest = after;
        } else {
            let end = rest.find([' ', '\'', '"']).unwrap_or(rest.len());
            word.push_str(&filled(&rest[..end]));
            rest = &rest[end..];
            if rest.is_empty() || rest.starts_with(' ') {
                words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
                rest = rest.trim_start();
            }
        }
        if rest.is_empty() {
            words.extend(Some(word).filter(|word| !word.is_empty()));
            return words;
        }
    }
}

/// Does what `curl` would do.
fn call(house: &House, command: &str) -> String {
    let address = format!("http://{}", house.address);
    let mut words = words(command, &address, &house.admin).into_iter();
    assert_eq!(words.next().as_deref(), Some("curl"), "{command}");
    let (mut method, mut body, mut token, mut kind, mut url) = (None, None, None, String::new(), String::new());
    while let Some(word) = words.next() {
        let mut next = || words.next().expect("an option has a value");
        match word.as_str() {
            "-X" => method = Some(next()),
            "-d" | "--data-binary" => body = Some(next()),
            "-H" => {
                let header = next();
                let (name, value) = header.split_once(": ").unwrap();
                match name {
                    "Authorization" => token = value.strip_prefix("Bearer ").map(str::to_owned),
                    "Content-Type" => kind = value.to_owned(),
                    other => panic!("{other}: what is it for?"),
                }
            }
            _ => url = word.strip_prefix(&address).unwrap_or_else(|| panic!("{word} in {command}")).to_owned(),
        }
    }
    let method = method.unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" }.to_owned());
    let body = body.unwrap_or_default();
    let answer = house.call(token.as_deref(), &format!("{method} {url}"), &kind, body.as_bytes()).body;
    // Where this tree lies is nobody's business, and another's lies elsewhere.
    answer.replace(concat!(env!("CARGO_MANIFEST_DIR"), "/"), "")
}

/// What differs from run to run put in one form: the clock, hashes of the log, the hash of the edition.
fn steadied(answer: &str) -> String {
    let forms = [
        (r#""(at|until|claimed_until|made)":"2[0-9]{3}-[0-9T:.-]+Z""#, r#""$1":"2026-01-01T00:00:00Z""#),
        (r#""(previous|hash)":"[0-9a-f]{64}""#, r#""$1":"0""#),
        (r#""(edition|old|new)":"[0-9a-f]{16}""#, r#""$1":"0000000000000000""#),
    ];
    forms
        .iter()
        .fold(answer.to_owned(), |text, (form, by)| Regex::new(form).unwrap().replace_all(&text, *by).into_owned())
}

/// One JSON value, however it is broken into lines.
fn value(answer: &str) -> Option<Value> {
    serde_json::from_str(&steadied(answer)).ok()
}

/// An answer in lines that a page can hold, broken behind commas outside of strings.
fn folded(answer: &str) -> String {
    let (mut lines, mut line, mut piece) = (String::new(), String::new(), String::new());
    let (mut is_text, mut is_escaped) = (false, false);
    for c in answer.trim_end().chars() {
        piece.push(c);
        is_text ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        if c == ',' && !is_text {
            if line.chars().count() + piece.chars().count() > LINE_CHARS && !line.is_empty() {
                lines.push_str(&std::mem::take(&mut line));
                lines.push('\n');
            }
            line.push_str(&std::mem::take(&mut piece));
        }
    }
    lines + &line + &piece
}

/// The page with these answers in the place of those that it has.
fn written(page: &str, answers: &[String]) -> String {
    let (mut lines, mut answers, mut is_inside) = (String::new(), answers.iter(), false);
    for line in page.lines() {
        is_inside = (is_inside || line == OPENING) && line != "```";
        if !is_inside || line == OPENING {
            lines.push_str(line);
            lines.push('\n');
        } else if line.starts_with("$ ") {
            lines.push_str(&format!("{line}\n{}\n", folded(answers.next().expect("an answer for each call"))));
        }
    }
    lines
}

#[test]
fn every_call_of_the_page_is_answered_as_it_says() {
    let pages = PAGES.map(|page| fs::read_to_string(path(page)).unwrap());
    let expected = examples(&pages[0]);
    assert!(expected.len() > 15, "the calls were found");
    let house = House::new(SETTINGS);
    let mut answers = Vec::new();
    for Example { command, answer } in &expected {
        if is_blessing() {
            // Nothing but time says that everything is filed.
            std::thread::park_timeout(Duration::from_millis(500));
        }
        let mut found = call(&house, command);
        let may_repeat = !command.contains(" -X ") && !command.contains(" -d ");
        for _ in 0..TRIES {
            if is_blessing() || !may_repeat || value(&found) == value(answer) {
                break;
            }
            std::thread::park_timeout(Duration::from_millis(50));
            found = call(&house, command);
        }
        let is_json = value(&found).is_some();
        assert!(is_json, "{command}: {found}");
        assert!(
            is_blessing() || value(&found) == value(answer),
            "{command}\nanswers\n{found}\nthe page says\n{answer}"
        );
        answers.push(found);
    }
    if is_blessing() {
        PAGES.iter().zip(&pages).for_each(|(file, page)| fs::write(path(file), written(page, &answers)).unwrap());
        return;
    }
    assert_eq!(examples(&pages[1]), expected, "both languages show the same calls and answers");
}
