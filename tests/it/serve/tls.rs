//! Beyond loopback: TLS or an explicit word.

use std::process::Command;

use super::house::House;

#[test]
fn beyond_loopback_it_wants_tls_or_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let refused = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["serve", "--listen", "0.0.0.0:0", "--output"])
        .arg(dir.path())
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("in the clear"), "{refused:?}");
}

#[test]
fn it_speaks_tls_with_its_certificate() {
    let keys = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (keys.path().join("chain.pem"), keys.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let settings = format!("[serve]\ntls_certificate = {certificate:?}\ntls_key = {key:?}\n");
    let house = House::new(&settings);
    let reply = house.call_tls(made.cert.der().clone(), "GET /healthz");
    assert_eq!((reply.status, &*reply.body), (200, "live\n"));
}
