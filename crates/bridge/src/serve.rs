//! Accepting connections, and letting go of them at the end.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use crate::fingerprint::Peer;
use crate::http::{Closing, State, router};

/// How long sessions have for their closing handshakes.
const SHUTDOWN: Duration = Duration::from_secs(5);
/// How long a client may take to send a request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest request head, in bytes; tokens are well under 1 KiB.
const MAX_HEAD: usize = 16 * 1024;

/// Serves until `shutdown` is ready, then until every session has ended or its time is over.
pub(crate) async fn serve(
    state: Arc<State>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) {
    let service = router(Arc::clone(&state));
    // Ends with this function.
    let mut watched = JoinSet::new();
    if let Some(tls) = &state.tls {
        watched.spawn(tls.certificate.clone().watch(state.clock));
    }
    accept(&state, &listener, &service, shutdown).await;
    info!(sessions = state.sessions(), "closing");
    let drain = state.config.drain;
    if !drain.is_zero() && state.registry.can_be_told() {
        let until = state.clock.now() + drain;
        state.closing.send_replace(Closing::Drain { until });
        let drained = async {
            tokio::select! {
                () = state.registry.nobody_left() => {}
                () = state.clock.wait(Some(until)) => {}
            }
        };
        // Who comes now is told when to come back.
        accept(&state, &listener, &service, drained).await;
    }
    state.closing.send_replace(Closing::Shutdown);
    drop(listener);
    if timeout(SHUTDOWN, state.all_ended()).await.is_err() {
        warn!(
            sessions = state.sessions(),
            "not every client answered its close frame"
        );
    }
}

/// Accepts connections until `end` is ready.
async fn accept(
    state: &Arc<State>,
    listener: &TcpListener,
    service: &axum::Router,
    end: impl Future<Output = ()> + Send,
) {
    let mut end = pin!(end);
    loop {
        // Taken before accepting: beyond this many, connections wait in the system's queue.
        let permit = Arc::clone(&state.connections).acquire_owned();
        let accepted = async { (permit.await, listener.accept().await) };
        let (permit, stream, address) = tokio::select! {
            () = &mut end => return,
            (Ok(permit), accepted) = accepted => match accepted {
                Ok((stream, address)) => (permit, stream, address),
                Err(error) => {
                    // The queue holds what failed; without a pause this would spin.
                    warn!(%error, "a connection could not be accepted");
                    state.clock.wait(Some(state.clock.now() + Duration::from_millis(100))).await;
                    continue;
                }
            },
            else => return,
        };
        let service = service.clone().layer(Extension(Peer(address)));
        tokio::spawn(connection(Arc::clone(state), stream, permit, service));
    }
}

/// One TCP connection: its requests, until it ends or becomes a session.
async fn connection(
    state: Arc<State>,
    stream: TcpStream,
    permit: OwnedSemaphorePermit,
    service: axum::Router,
) {
    // What a call sends is small and should leave at once.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "small messages may be delayed on this connection");
    }
    match &state.tls {
        None => talk(&state, stream, service).await,
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => talk(&state, stream, service).await,
            Err(error) => debug!(%error, "a connection did not get through its TLS handshake"),
        },
    }
    drop(permit);
}

/// What is said on a connection.
async fn talk<S>(state: &State, stream: S, service: axum::Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
            .with_upgrades()
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = state.shutdown() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection ended badly");
    }
}
