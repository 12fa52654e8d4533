#![no_main]
//! Any bytes as a rule file and as a ladder: no panic, and every problem stands inside the file.

use libfuzzer_sys::fuzz_target;
use tidegate::event::Channel;
use tidegate::problem::Problem;
use tidegate::rules::{Ladder, Rulebook, Scratch, SourceFile};
use tidegate::signal::{Catalogue, Signals, Type, Value};

fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::default();
    catalogue.define("channel", Type::Text, Value::Text("post".into()), "");
    catalogue.define("text.han_share", Type::Float, Value::Float(0.0), "");
    catalogue.define("event.forward", Type::Bool, Value::Bool(false), "");
    catalogue.define("account.age_days", Type::Int, Value::Missing, "");
    catalogue.define("words.gambling.count", Type::Int, Value::Int(0), "");
    catalogue.define("words.gambling.tags", Type::Texts, Value::Texts([].into()), "");
    catalogue
}

fn check_places(text: &str, problems: &[Problem]) {
    for problem in problems {
        assert!(problem.line as usize <= text.split('\n').count(), "{problem}");
    }
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let catalogue = catalogue();
    let file = SourceFile::new("fuzz.yaml", &*text);
    let (book, problems) = Rulebook::read(std::slice::from_ref(&file), &[], &catalogue);
    check_places(&text, &problems);
    let (mut scratch, mut fired) = (Scratch::default(), Vec::new());
    book.fire(Channel::Post, 0, &Signals::new(&catalogue), &mut scratch, &mut fired);
    check_places(&text, &Ladder::read(Some(&file), None).1);
});
