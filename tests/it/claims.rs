//! Claims from outside: what is matched, what acts, and what is told of lines that cannot be taken.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn tidegate(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(arguments).current_dir(folder).output().expect("the product can be run")
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect()
}

const LIBRARY: &str = concat!(
    r#"{"id":"garlic","claim":"吃大蒜可以预防流感病毒感染","verdict":"false","authority":"示例疾控","url":"https://cdc.example/1","date":"2026-01-02"}"#,
    "\n",
    r#"{"id":"bare","claim":"喝高度白酒能杀死体内的流感病毒","verdict":"false"}"#,
    "\n",
    r#"{"id":"true","claim":"接种流感疫苗可以降低重症风险","verdict":"true","authority":"示例疾控","url":"https://cdc.example/2","date":"2026-01-02"}"#,
    "\n",
);

fn matched(posts: &str) -> (Vec<Value>, Output) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("library.jsonl"), LIBRARY).unwrap();
    fs::write(folder.path().join("posts.jsonl"), posts).unwrap();
    let arguments = ["claims", "match", "--library", "library.jsonl", "--top", "2", "--input", "posts.jsonl"];
    let output = tidegate(&arguments, folder.path());
    (lines(&output), output)
}

#[test]
fn who_asserts_a_refuted_claim_is_acted_on_and_nobody_else() {
    let posts = concat!(
        r#"{"id":"asserts","text":"大家注意，吃大蒜可以预防流感病毒感染，转给家人"}"#,
        "\n",
        r#"{"id":"refutes","text":"吃大蒜可以预防流感病毒感染？这是谣言，没有依据"}"#,
        "\n",
        r#"{"id":"asks","text":"吃大蒜可以预防流感病毒感染，是真的吗"}"#,
        "\n",
        r#"{"id":"bare","text":"喝高度白酒能杀死体内的流感病毒，亲测有效"}"#,
        "\n",
        r#"{"id":"true","text":"接种流感疫苗可以降低重症风险，大家快去"}"#,
        "\n",
        r#"{"id":7,"likes":3,"text":"今晚吃什么"}"#,
        "\n",
    );
    let (answers, output) = matched(posts);
    assert!(output.status.success());
    let best = |at: usize| &answers[at]["matches"][0];
    assert_eq!(best(0)["claim"], "garlic");
    assert_eq!((&best(0)["act"], &best(0)["stance"]), (&Value::from(true), &Value::from("asserting")));
    let span =
        best(0)["span"].as_array().unwrap().iter().map(|byte| byte.as_u64().unwrap() as usize).collect::<Vec<_>>();
    assert_eq!(&"大家注意，吃大蒜可以预防流感病毒感染，转给家人"[span[0]..span[1]], "吃大蒜可以预防流感病毒感染");
    for answer in &answers[1..5] {
        assert_eq!(answer["matches"][0]["act"], false, "{answer}");
    }
    assert_eq!((&best(1)["stance"], &best(2)["stance"]), (&Value::from("refuting"), &Value::from("questioning")));
    assert_eq!(answers[5]["id"], 7);
    assert_eq!(answers[5]["matches"].as_array().unwrap().len(), 0);
}

#[test]
fn a_line_that_cannot_be_taken_is_told_and_the_others_are_answered() {
    let (answers, output) = matched("bad\n{\"id\":\"a\"}\n{\"text\":\"x\"}\n{\"id\":\"b\",\"text\":\"\"}\n");
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["id"], "b");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(told.matches("not taken").count(), 3, "{told}");
    assert!(told.contains("posts.jsonl:1") && told.contains("`text` is missing") && told.contains("`id` is missing"));
}

#[test]
fn libraries_are_imported_changed_and_refused_by_row() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("feed.jsonld"), r#"{"@type":"DataFeed","dataFeedElement":[{"@type":"ClaimReview","claimReviewed":"Garlic cures flu","url":"https://www.snopes.com/1","author":{"name":"Snopes"},"datePublished":"2020-02-01","reviewRating":{"ratingValue":1,"alternateName":"Mostly False"}}]}"#).unwrap();
    fs::write(at("table.csv"), "id,claim,verdict,authority,url,date\na,x happened,false,A,https://a.example/,2020-01-01\nb,y happened,false,,,\n").unwrap();
    let output = tidegate(&["claims", "import", "feed.jsonld", "table.csv", "--into", "site.jsonl"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("table.csv") && told.contains("claim \"b\" has no authority, no url, no date"), "{told}");
    assert!(tidegate(&["claims", "retract", "--library", "site.jsonl", "a"], folder.path()).status.success());
    let shown = tidegate(&["claims", "show", "--library", "site.jsonl", "a", "--json"], folder.path());
    assert_eq!(lines(&shown)[0]["status"], "retracted");
    let refused = tidegate(&["claims", "add", "--library", "site.jsonl", "--id", "c", "--claim", "z"], folder.path());
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("authority and url and date"));
    let stats = lines(&tidegate(&["claims", "stats", "site.jsonl", "--json"], folder.path()));
    assert_eq!((&stats[0]["claims"], &stats[0]["may_act"]), (&Value::from(2), &Value::from(1)));
}
