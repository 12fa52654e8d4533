//! What a caller waits for a decision over HTTP, and how soon what was decided on is found.
//!
//! `cargo bench --bench serve -- [SECONDS] [CALLS_A_SECOND] [DOCUMENTS_A_SECOND]` (20, 2000, 5000): calls are made when they are due, whether
//! or not those before them are answered (an open loop), and their time counts from then, so a slow answer makes nothing look
//! faster. The floor is the same load on a handler of axum that reads the body and says nothing, in this process; then the
//! service itself, a process of its own with the shipped rules, whose every answer waits for the disk. Afterwards documents come
//! in by the hundred, all of them filed, and every tenth of a second one is looked for until it is found.

#![expect(clippy::disallowed_methods, reason = "a bench measures wall time")]

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use hdrhistogram::Histogram;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Mutex, mpsc};

/// Connections of the load: enough that none waits for another's answer.
const CONNECTIONS: usize = 64;
/// Documents of one call while freshness is measured.
const TOGETHER: u64 = 100;
/// The threads of the service, and so of the floor.
const THREADS: usize = 2;
const SETTINGS: &str = "[serve]\nrate_per_second = 1000000\nrate_burst = 1000000\n[index]\nordinary_share = 1.0\n";
const PHRASES: [&str; 12] = [
    "今天天气很好，",
    "晚上一起吃饭吗",
    "这个电影不错，",
    "明天开会别忘了",
    "周末去爬山，",
    "地铁又晚点了",
    "新开的面馆很好吃，",
    "有人看昨晚的比赛吗",
    "孩子考试考得不错",
    "谁有推荐的书，",
    "快递到了没有",
    "记得带伞",
];

fn main() -> Result<()> {
    let given = |at: usize, otherwise: u64| {
        let numbers = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
        numbers.map(|number| number.parse()).nth(at).unwrap_or(Ok(otherwise)).context("arguments are whole numbers")
    };
    let (seconds, calls, documents) = (given(0, 20)?.max(1), given(1, 2000)?.max(1), given(2, 5000)?.max(TOGETHER));
    let (time, client) =
        (Duration::from_secs(seconds), Builder::new_multi_thread().worker_threads(1).enable_all().build()?);
    println!("{calls} calls a second for {seconds} s, one event each, {CONNECTIONS} connections");
    println!("{:<24} {:>8} {:>9} {:>9} {:>9} {:>9}", "", "answered", "p50 ms", "p90 ms", "p99 ms", "max ms");
    let (floor, address) = floor()?;
    let load = Load { address, token: String::new(), rate: calls, together: 1 };
    client.block_on(load.run(time, 0))?.print("an empty handler");
    drop(floor);
    let house = House::start()?;
    let load = Load { address: house.address, token: house.token.clone(), ..load };
    client.block_on(load.run(Duration::from_secs(2), 0))?;
    client.block_on(load.run(time, 1 << 32))?.print("POST /v1/decide");
    let load = Load { rate: documents / TOGETHER, together: TOGETHER, ..load };
    println!("\n{documents} documents a second for {seconds} s, {TOGETHER} a call, all filed");
    let probe = Load { rate: 10, together: 1, ..load.clone() };
    let (filled, fresh) = client.block_on(async { tokio::join!(load.run(time, 2 << 32), probe.freshness(time)) });
    filled?.print("their calls");
    fresh?.print("answered, then found");
    Ok(())
}

/// The handler that there could not be less of.
fn floor() -> Result<(Runtime, SocketAddr)> {
    let runtime = Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let app = Router::new().route("/v1/decide", post(|_: Bytes| async { "{}" }));
    runtime.spawn(async move { accept(listener, app).await });
    Ok((runtime, address))
}

async fn accept(listener: TcpListener, app: Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let app = hyper_util::service::TowerToHyperService::new(app.clone());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let stream = hyper_util::rt::TokioIo::new(stream);
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(stream, app).await;
        });
    }
}

/// The service on a folder of its own.
struct House {
    process: Child,
    address: SocketAddr,
    token: String,
    _dir: tempfile::TempDir,
}

impl House {
    fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        std::fs::write(dir.path().join("settings.toml"), SETTINGS)?;
        let mut process = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(dir.path().join("settings.toml"))
            .arg("--output")
            .arg(dir.path().join("out"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(process.stderr.take().context("its messages")?).lines();
        let (mut token, mut address) = (None, None);
        // It says nothing more once it listens: no line is waited for then.
        while address.is_none() {
            let Some(line) = lines.next() else { break };
            let line = line?;
            token = token.or(line.split_once("shown this once: ").map(|(_, token)| token.to_owned()));
            address = line.split_once("://").and_then(|(_, rest)| rest.trim_end_matches("\u{1b}[0m").parse().ok());
        }
        std::thread::spawn(move || lines.for_each(drop));
        let (Some(address), Some(token)) = (address, token) else { bail!("the service does not start") };
        let house = Self { process, address, token, _dir: dir };
        house.wait_until_ready()?;
        Ok(house)
    }

    fn wait_until_ready(&self) -> Result<()> {
        for _ in 0..600 {
            let mut stream = std::net::TcpStream::connect(self.address)?;
            stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n")?;
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line)?;
            if line.contains(" 200 ") {
                return Ok(());
            }
            std::thread::park_timeout(Duration::from_millis(100));
        }
        bail!("the service does not get ready")
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Times in microseconds, and calls that were refused.
struct Times {
    micros: Histogram<u64>,
    refused: u64,
}

impl Times {
    fn new() -> Self {
        Self {
            micros: Histogram::new_with_bounds(1, 600_000_000, 3).expect("bounds that a histogram can have"),
            refused: 0,
        }
    }

    fn add(&mut self, time: Duration, is_fine: bool) {
        self.micros.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1));
        self.refused += u64::from(!is_fine);
    }

    fn print(&self, name: &str) {
        let at = |share: f64| self.micros.value_at_quantile(share) as f64 / 1e3;
        let max = self.micros.max() as f64 / 1e3;
        println!("{name:<24} {:>8} {:>9.2} {:>9.2} {:>9.2} {max:>9.2}", self.micros.len(), at(0.5), at(0.9), at(0.99));
        if self.refused > 0 {
            println!("{:<24} {:>8} of them were refused", "", self.refused);
        }
    }
}

/// Calls at a steady rate.
#[derive(Clone)]
struct Load {
    address: SocketAddr,
    token: String,
    /// Calls a second.
    rate: u64,
    /// Events of a call.
    together: u64,
}

impl Load {
    /// Makes calls for so long, with ids from a number on, and waits for all answers.
    async fn run(&self, time: Duration, first: u64) -> Result<Times> {
        let (jobs, taken) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
        let (taken, times) = (Arc::new(Mutex::new(taken)), Arc::new(Mutex::new(Times::new())));
        let mut callers = Vec::new();
        for _ in 0..CONNECTIONS {
            let (taken, times, mut line) =
                (Arc::clone(&taken), Arc::clone(&times), Connection::open(self.address).await?);
            callers.push(tokio::spawn(async move {
                loop {
                    let job = taken.lock().await.recv().await;
                    let Some((due, request)) = job else { return Ok::<_, anyhow::Error>(()) };
                    let (status, _) = line.ask(&request).await?;
                    times.lock().await.add(due.elapsed(), status == 200);
                }
            }));
        }
        let (begun, calls) = (Instant::now(), self.rate * time.as_secs());
        for call in 0..calls {
            let due = begun + Duration::from_nanos(1_000_000_000 * call / self.rate);
            if due > Instant::now() {
                tokio::time::sleep_until(due.into()).await;
            }
            jobs.send((due, self.request(first + call * self.together))).context("nobody takes calls any longer")?;
        }
        drop(jobs);
        for caller in callers {
            caller.await??;
        }
        Ok(Arc::into_inner(times).context("every caller has ended")?.into_inner())
    }

    /// The time from the answer to a document until it is found, one document after the other.
    async fn freshness(&self, time: Duration) -> Result<Times> {
        let (mut times, begun, mut line) = (Times::new(), Instant::now(), Connection::open(self.address).await?);
        let mut number = 3 << 32;
        while begun.elapsed() < time {
            line.ask(&self.request(number)).await?;
            let answered = Instant::now();
            let search = format!(
                "GET /v1/search?limit=1&q=event:n{number} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {}\r\n\r\n",
                self.token
            );
            loop {
                let (status, body) = line.ask(search.as_bytes()).await?;
                if status == 200 && body.windows(11).any(|at| at == b"\"total\":1,\"") {
                    break;
                }
                if answered.elapsed() > Duration::from_secs(60) {
                    bail!("a document is not found after a minute: {}", String::from_utf8_lossy(&body));
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            times.add(answered.elapsed(), true);
            number += 1;
            tokio::time::sleep(Duration::from_millis(1000 / self.rate)).await;
        }
        Ok(times)
    }

    /// A call with events of these numbers.
    fn request(&self, first: u64) -> Vec<u8> {
        let mut body = String::new();
        for number in first..first + self.together {
            let mut random = fastrand::Rng::with_seed(number);
            let words: String = (0..6).map(|_| *random.choice(PHRASES.iter()).expect("there are phrases")).collect();
            let (author, at) = (random.u32(0..100_000), 1_795_420_800_000 + number % (1 << 32));
            body.push_str(&format!(
                "{{\"id\":\"n{number}\",\"channel\":\"post\",\"author\":\"a{author}\",\"at\":{at},\"text\":\"{words}\"}}\n"
            ));
        }
        let head = format!(
            "POST /v1/decide HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {}\r\ncontent-type: application/x-ndjson\r\n\
             content-length: {}\r\n\r\n",
            self.token,
            body.len()
        );
        (head + &body).into_bytes()
    }
}

/// A connection that stays open.
struct Connection(tokio::io::BufReader<TcpStream>);

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(tokio::io::BufReader::new(stream)))
    }

    /// The status and the body of the answer.
    async fn ask(&mut self, request: &[u8]) -> Result<(u16, Vec<u8>)> {
        self.0.write_all(request).await?;
        let (mut status, mut length, mut line) = (0, 0, String::new());
        loop {
            line.clear();
            if self.0.read_line(&mut line).await? == 0 {
                bail!("the connection ended");
            }
            let lower = line.trim_end().to_ascii_lowercase();
            if lower.is_empty() {
                break;
            }
            if let Some(rest) = lower.strip_prefix("http/1.1 ") {
                status = rest.split(' ').next().unwrap_or_default().parse()?;
            }
            if let Some(bytes) = lower.strip_prefix("content-length: ") {
                length = bytes.parse()?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await?;
        Ok((status, body))
    }
}
