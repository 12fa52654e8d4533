//! Sockets: accepting, bounding, speaking TLS, and stopping without cutting anybody off.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::hub::Hub;
use super::patience::Patient;
use super::{ServeError, routes, tls};

/// Threads that speak with callers. The work is done elsewhere: by the loop, and by threads that may wait.
const THREADS: usize = 2;
/// Threads that read files for callers.
const READERS_MAX: usize = 16;
/// How long a caller may take to send the head of a request, or to agree on TLS.
const HEAD_MAX: Duration = Duration::from_secs(10);
/// The head of a request, at most.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// How long a caller may leave an answer lying.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// How often the metrics' distributions are folded up.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// A running service.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    hub: Arc<Hub>,
}

/// Begins to listen, on threads of its own.
///
/// # Errors
/// [`ServeError`], before anything is answered.
pub fn start(hub: &Arc<Hub>) -> Result<Server, ServeError> {
    let options = &hub.options;
    let listen = options.listen;
    let acceptor = options.tls.as_ref().map(|(certificate, key)| tls::acceptor(certificate, key)).transpose()?;
    if !listen.ip().is_loopback() && acceptor.is_none() && !options.plain {
        return Err(ServeError::Plain(listen));
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .max_blocking_threads(READERS_MAX)
        .thread_name("serve")
        .enable_all()
        .build()
        .map_err(ServeError::Threads)?;
    let listener =
        runtime.block_on(TcpListener::bind(listen)).map_err(|source| ServeError::Listen { listen, source })?;
    let address = listener.local_addr().map_err(|source| ServeError::Listen { listen, source })?;
    let (stop, stopped) = watch::channel(false);
    let of_thread = Arc::clone(hub);
    let thread = std::thread::Builder::new()
        .name("serve".into())
        .spawn(move || run(runtime, of_thread, listener, acceptor, stopped))
        .map_err(ServeError::Threads)?;
    Ok(Server { address, stop, thread: Some(thread), hub: Arc::clone(hub) })
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more calls, waits for those that were begun, at most as long as the options say, and returns.
    pub fn stop(&mut self) {
        self.hub.stop();
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(
    runtime: Runtime,
    hub: Arc<Hub>,
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    mut stopped: watch::Receiver<bool>,
) {
    let connections_max = hub.options.connections_max;
    let drain = hub.options.drain;
    let handle = hub.parts.metrics.clone();
    let app = routes::router(hub);
    runtime.block_on(async move {
        let room = Arc::new(Semaphore::new(connections_max));
        let of_connections = stopped.clone();
        let upkeep = tokio::spawn(async move {
            while let Some(handle) = &handle {
                tokio::time::sleep(UPKEEP_EVERY).await;
                handle.run_upkeep();
            }
        });
        tokio::select! {
            () = accept(&listener, acceptor, &app, &room, &of_connections) => {}
            () = told(&mut stopped) => {}
        }
        // Nobody new; those who are being served finish, and each gives its place back.
        drop(listener);
        let all = u32::try_from(connections_max).unwrap_or(u32::MAX);
        if tokio::time::timeout(drain, room.acquire_many(all)).await.is_err() {
            tracing::warn!(
                drain_ms = drain.as_millis() as u64,
                "calls were cut off: they took longer than a stop waits"
            );
        }
        upkeep.abort();
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
}

/// Returns when the service is to stop.
async fn told(stopped: &mut watch::Receiver<bool>) {
    // Whoever would say so is gone: that says it too.
    let _ = stopped.wait_for(|stop| *stop).await;
}

async fn accept(
    listener: &TcpListener,
    acceptor: Option<TlsAcceptor>,
    app: &Router,
    room: &Arc<Semaphore>,
    stopped: &watch::Receiver<bool>,
) {
    loop {
        // Who finds no room waits in the system's own bounded queue.
        let Ok(place) = Arc::clone(room).acquire_owned().await else { return };
        let (stream, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (acceptor, app, stopped) = (acceptor.clone(), app.clone(), stopped.clone());
        tokio::spawn(async move {
            let _place = place;
            connection(stream, acceptor, app, stopped).await;
        });
    }
}

async fn connection(stream: TcpStream, acceptor: Option<TlsAcceptor>, app: Router, stopped: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = acceptor else { return speak(stream, app, stopped).await };
    match tokio::time::timeout(HEAD_MAX, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => speak(stream, app, stopped).await,
        Ok(Err(error)) => tracing::debug!(%error, "a caller does not speak TLS as we do"),
        Err(_) => tracing::debug!("a caller took too long to agree on TLS"),
    }
}

/// HTTP/1.1 on one connection, until it ends or the service stops.
async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + Send, app: Router, mut stopped: watch::Receiver<bool>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_MAX).max_buf_size(HEAD_BYTES_MAX).half_close(true);
    let connection =
        http.serve_connection(TokioIo::new(Patient::new(stream, ANSWER_MAX)), TowerToHyperService::new(app));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.as_mut().await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
