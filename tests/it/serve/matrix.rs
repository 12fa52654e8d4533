//! Every route with every role: who is let in is what the table says, and a text reaches nobody else.

use tidegate::serve::{ROUTES, Role, WhoMay};

use super::house::{House, tidegate, token};

/// The patterns' names filled in.
fn filled(path: &str) -> String {
    ["{id}", "{event}", "{author}", "{room}", "{list}", "{cluster}", "{name}"]
        .iter()
        .fold(path.replace("{index}", "tidegate"), |path, name| path.replace(name, "x"))
}

#[test]
fn each_route_lets_in_the_roles_of_its_line_and_nobody_else() {
    let house = House::new("");
    let tokens: Vec<(Role, String)> = Role::ALL.map(|role| (role, token(house.dir.path(), role.name()))).into();
    let mut refused = 0;
    for route in ROUTES {
        let call = format!("{} {}", route.method, filled(route.path));
        let status = |token: Option<&str>| house.status(token, &call, b"{}");
        match route.who {
            WhoMay::Anybody => assert_eq!(status(None), 200, "{call}"),
            WhoMay::Roles(roles) => {
                assert_eq!(status(None), 401, "{call} without a token");
                assert_eq!(status(Some("tg_forged")), 401, "{call} with a forged token");
                for (role, token) in &tokens {
                    let found = status(Some(token));
                    let may = roles.contains(role);
                    assert_eq!(found == 403, !may, "{call} as {}: {found}", role.name());
                    assert!(found < 500, "{call} as {}: {found}", role.name());
                    refused += usize::from(!may);
                }
            }
        }
    }
    assert!(refused > 40, "only {refused} refusals");
}

#[test]
fn what_is_not_in_the_table_is_not_there() {
    let house = House::new("");
    for (call, status) in
        [("PUT /v1/decide", 405), ("PATCH /v1/rules", 405), ("GET /v1/nothing", 404), ("GET /v1", 404)]
    {
        assert_eq!(house.call(Some(&house.admin), call, "", b"").status, status, "{call}");
    }
    assert_eq!(house.call(Some(&house.admin), "HEAD /v1/rules", "", b"").status, 200);
}

#[test]
fn raw_text_reaches_only_those_who_may_and_every_look_is_noted() {
    let house = House::new("");
    let dir = house.dir.path();
    let event = serde_json::json!({"id": "e1", "channel": "post", "author": "a1", "at": "2026-01-01T00:00:00Z", "text": "加微信领彩金"});
    assert_eq!(house.decide(&house.admin, &event).status, 200);
    assert_eq!(house.decide(&house.admin, &serde_json::json!({"id": "e2", "text": "a secret text"})).status, 422);
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Platform) {
        let token = token(dir, role.name());
        let may = [Role::Analyst, Role::Approver, Role::Admin].contains(&role);
        for (path, text) in [("/v1/rejects", "a secret text"), ("/v1/decisions", "彩金"), ("/v1/events/e1", "彩金")]
        {
            let masked = house.get(&token, path);
            assert!(masked.status == 200 && !masked.body.contains(text), "{path} as {}: {masked:?}", role.name());
            let raw = house.get(&token, &format!("{path}?raw=true"));
            assert_eq!(raw.status, if may { 200 } else { 403 }, "{path} as {}", role.name());
            // A decision names no term unless its rule asks for them.
            let holds = may && path == "/v1/rejects";
            assert_eq!(raw.body.contains(text), holds, "{path} as {}: {raw:?}", role.name());
        }
    }
    let log = tidegate(&["audit", "show", "--json"], dir);
    let looks = log.lines().filter(|line| line.contains("raw.read")).count();
    assert_eq!(looks, 9, "{log}");
    assert!(tidegate(&["audit", "verify"], dir).contains("whole"));
    let path = dir.join("audit.jsonl");
    let forged = std::fs::read_to_string(&path).unwrap().replacen("of-analyst", "of-nobody", 1);
    std::fs::write(&path, forged).unwrap();
    let verify = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["audit", "verify", "--output"])
        .arg(dir)
        .output()
        .unwrap();
    assert_eq!(verify.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&verify.stdout).contains("broken line"), "{verify:?}");
}

#[test]
fn a_revoked_token_opens_nothing() {
    let house = House::new("");
    let token = token(house.dir.path(), "viewer");
    assert_eq!(house.get(&token, "/v1/rules").status, 200);
    tidegate(&["token", "revoke", "of-viewer"], house.dir.path());
    std::thread::park_timeout(std::time::Duration::from_millis(700));
    assert_eq!(house.get(&token, "/v1/rules").status, 401);
}
