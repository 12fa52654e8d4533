//! `/live` and `/ready` for whoever watches over the process: two answers of a line each.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context;

/// A caller who says nothing is not waited for.
const CALLER_MAX: Duration = Duration::from_secs(2);
/// The head of a request that is looked at.
const REQUEST_BYTES_MAX: usize = 1024;

/// Answers there, for as long as the process lives.
pub(super) fn serve(address: SocketAddr, is_ready: Arc<dyn Fn() -> bool + Send + Sync>) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot serve health on {address}"))?;
    let serve = move || {
        for caller in listener.incoming().filter_map(Result::ok) {
            // Whoever hangs up before the answer does not want it.
            let _ = answer(caller, is_ready.as_ref());
        }
    };
    thread::Builder::new().name("health".into()).spawn(serve).context("cannot start a thread")?;
    tracing::info!(%address, "health is served");
    Ok(())
}

fn answer(mut caller: TcpStream, is_ready: &dyn Fn() -> bool) -> std::io::Result<()> {
    caller.set_read_timeout(Some(CALLER_MAX))?;
    caller.set_write_timeout(Some(CALLER_MAX))?;
    let mut request = [0; REQUEST_BYTES_MAX];
    let read = caller.read(&mut request)?;
    let (status, body) = reply(&request[..read], is_ready);
    let length = body.len();
    write!(
        caller,
        "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn reply(request: &[u8], is_ready: &dyn Fn() -> bool) -> (&'static str, &'static str) {
    let path = request.strip_prefix(b"GET ").and_then(|rest| rest.split(|byte| b" ?".contains(byte)).next());
    match path {
        Some(b"/live") => ("200 OK", "live\n"),
        Some(b"/ready") if is_ready() => ("200 OK", "ready\n"),
        Some(b"/ready") => ("503 Service Unavailable", "state is being restored\n"),
        _ => ("404 Not Found", "GET /live or /ready\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_ready_says_so() {
        let status = |request: &str, is_ready: bool| reply(request.as_bytes(), &|| is_ready).0.to_owned();
        assert_eq!(status("GET /live HTTP/1.1\r\n", false), "200 OK");
        assert_eq!(status("GET /ready HTTP/1.1\r\n", false), "503 Service Unavailable");
        assert_eq!(status("GET /ready?x HTTP/1.1\r\n", true), "200 OK");
        assert_eq!(status("GET / HTTP/1.1\r\n", true), "404 Not Found");
        assert_eq!(status("POST /ready HTTP/1.1\r\n", true), "404 Not Found");
    }

    #[test]
    fn it_answers_over_a_socket() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        serve(free, Arc::new(|| true)).unwrap();
        let mut caller = TcpStream::connect(free).unwrap();
        caller.write_all(b"GET /ready HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        caller.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("ready\n"), "{answer}");
    }
}
