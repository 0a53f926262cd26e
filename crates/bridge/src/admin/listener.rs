//! The admin listener's connections: few, short, and served to the bridge's very end.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::router;
use crate::http::State;

/// How many connections there may be; others wait in the system's queue.
const MAX: usize = 32;
/// How long a client may take to send a request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last answers may take.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

/// Serves until the other end of `over` is gone, and the answers that are on their way are sent.
pub(crate) async fn serve(state: Arc<State>, listener: TcpListener, mut over: watch::Receiver<()>) {
    let service = router(Arc::clone(&state));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = over.changed() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < MAX => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, service.clone(), over.clone()));
                }
                Err(error) => {
                    // The queue holds what failed; without a pause this would spin.
                    warn!(%error, "an admin connection could not be accepted");
                    let pause = state.clock.now() + Duration::from_millis(100);
                    state.clock.wait(Some(pause)).await;
                }
            },
        }
    }
    let finished = async { while connections.join_next().await.is_some() {} };
    if timeout(FINISH_TIMEOUT, finished).await.is_err() {
        debug!("an admin connection did not end");
    }
}

async fn connection(stream: TcpStream, service: axum::Router, mut over: watch::Receiver<()>) {
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = over.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "an admin connection ended badly");
    }
}
