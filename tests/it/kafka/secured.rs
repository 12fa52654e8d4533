//! Listeners that speak TLS, and whom they know by SCRAM: whoever has it all right is let in, and each mistake is said with what to
//! do. Where the build can (`make test-tls`).

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use tempfile::TempDir;

use super::access::asks;
use super::broker::Broker;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "authority of the tests");
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A key and its certificate for that host, as a listener takes them.
fn listener(dir: &Path, name: &str, authority: &Authority, host: &str, is_expired: bool) {
    let mut params = CertificateParams::new([host.to_owned()]).unwrap();
    if is_expired {
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let pem = format!("{}{}{}", key.serialize_pem(), certificate.pem(), authority.pem());
    fs::write(dir.join(format!("{name}.pem")), pem).unwrap();
}

#[test]
fn tls_and_scram_let_in_who_has_it_right_and_say_what_is_wrong() {
    let (dir, files) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (ours, theirs) = (authority(), authority());
    listener(dir.path(), "right", &ours, "127.0.0.1", false);
    listener(dir.path(), "elsewhere", &ours, "broker.example", false);
    listener(dir.path(), "expired", &ours, "127.0.0.1", true);
    let [our_file, their_file] = ["ours", "theirs"].map(|name| files.path().join(name));
    fs::write(&our_file, ours.pem()).unwrap();
    fs::write(&their_file, theirs.pem()).unwrap();
    let broker = Broker::start_secured(dir.path());
    let [right, elsewhere, expired] = ["RIGHT", "ELSEWHERE", "EXPIRED"].map(|name| broker.listener(name).unwrap());
    let as_who = |mechanism: &str, who: &str, file: &Path| {
        format!(
            "tls = true\nca_file = {file:?}\nsasl_mechanism = \"{mechanism}\"\nusername = \"{who}\"\npassword_file = \"$SECRET\"\n"
        )
    };
    let good = as_who("SCRAM-SHA-512", "stage", &our_file);
    const PASSWORD: &str = "open-sesame";
    const LET_IN: &[&str] = &["editions", "tidegate topics create"];
    // Listener, settings, password, and what is said: who is let in finds no topic.
    let cases: [(&str, &str, String, &str, &[&str]); 10] = [
        ("all right", &right, good.clone(), PASSWORD, LET_IN),
        ("PLAIN within TLS", &right, as_who("PLAIN", "stage", &our_file), PASSWORD, LET_IN),
        (
            "another authority",
            &right,
            as_who("SCRAM-SHA-512", "stage", &their_file),
            PASSWORD,
            &["certificate", "ca_file"],
        ),
        (
            "no such file",
            &right,
            as_who("SCRAM-SHA-512", "stage", Path::new("/nowhere/ca.pem")),
            PASSWORD,
            &["/nowhere/ca.pem"],
        ),
        ("another host", &elsewhere, good.clone(), PASSWORD, &["certificate", "the name in `brokers`"]),
        ("out of date", &expired, good.clone(), PASSWORD, &["certificate", "in date"]),
        (
            "a mechanism that it does not offer",
            &right,
            as_who("SCRAM-SHA-256", "stage", &our_file),
            PASSWORD,
            &["sasl_mechanism"],
        ),
        ("a wrong password", &right, good.clone(), "open barley", &["password_file"]),
        ("no rights", &right, as_who("PLAIN", "guest", &our_file), PASSWORD, &["READ on the input topic"]),
        ("no TLS", &right, good.replace("tls = true", "tls = false"), PASSWORD, &["`tls`"]),
    ];
    std::thread::scope(|scope| {
        for (what, listener, settings, password, expected) in cases {
            for command in [&["edition", "list", "--config"][..], &["topics", "check", "--config"]] {
                // A list of all topics is given to everybody: what one may not see is not in it.
                let is_list = command[0] == "topics" && (expected == LET_IN || what == "no rights");
                let settings = settings.clone();
                scope.spawn(move || {
                    let output = asks(command, listener, &settings, password);
                    let said = String::from_utf8_lossy(&output.stderr);
                    let code = if is_list { 1 } else { 2 };
                    assert_eq!(output.status.code(), Some(code), "{what}, {command:?}: {said}");
                    for words in expected.iter().filter(|_| !is_list) {
                        assert!(said.contains(words), "{what}, {command:?}: {words:?} is not in\n{said}");
                    }
                    assert!(!said.contains(password), "a password is told: {said}");
                });
            }
        }
    });
}
