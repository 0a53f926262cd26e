//! A connection whose client reads slowly, not at all, or leaves.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::HeaderMap;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::DuplexStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::super::waiting::BACKED_UP;
use super::*;
use crate::fingerprint::Peer;

/// Nothing here takes longer unless it hangs.
const PATIENCE: Duration = Duration::from_secs(10);

struct Rig {
    link: Link,
    inbox: mpsc::Receiver<(Conn, Heard, Time)>,
    room: Arc<Notify>,
    client: WebSocketStream<DuplexStream>,
}

/// A connection through which few bytes fit at a time.
async fn rig(protocol: Protocol, limits: Limits) -> Rig {
    let (near, far) = tokio::io::duplex(1024);
    let (sender, inbox) = mpsc::channel(4);
    let room = Arc::new(Notify::new());
    let ties = Ties {
        inbox: sender,
        room: Arc::clone(&room),
        slot: None,
        metrics: Metrics::new(0.0),
    };
    let peer = Peer((IpAddr::from(Ipv4Addr::LOCALHOST), 4000).into());
    let client = (protocol, Sender::new(Some(peer), &HeaderMap::new()));
    let socket = Socket::new(near, None).await;
    Rig {
        link: Link::start(Conn(1), socket, client, ties, Clock::start(), limits),
        inbox,
        room,
        client: WebSocketStream::from_raw_socket(far, Role::Client, None).await,
    }
}

fn text(bytes: usize) -> Frame {
    Frame::Text("x".repeat(bytes))
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .expect("the connection hangs")
}

#[tokio::test]
async fn a_client_that_does_not_read_is_given_up() {
    let limits = Limits {
        write: Duration::from_millis(50),
        ..Limits::default()
    };
    let mut rig = rig(Protocol::OffhookV1, limits).await;
    rig.link.send(text(4096)).unwrap();
    let heard = in_time(rig.inbox.recv()).await.unwrap();
    assert!(
        matches!(heard, (Conn(1), Heard::Closed(None), _)),
        "{heard:?}"
    );
}

#[tokio::test]
async fn a_pong_that_does_not_come_is_counted_once() {
    let mut rig = rig(Protocol::Plain, Limits::default()).await;
    let missed = rig.link.metrics.pongs_missed.clone();
    rig.link.ping().unwrap();
    // The library answers for the client once that reads on; what comes then is the pong.
    let ping = in_time(rig.client.next()).await.unwrap().unwrap();
    assert!(ping.is_ping(), "{ping:?}");
    rig.client.flush().await.unwrap();
    let (_, heard, _) = in_time(rig.inbox.recv()).await.unwrap();
    assert!(matches!(heard, Heard::Pong), "{heard:?}");
    rig.link.ponged();
    rig.link.ping().unwrap();
    assert_eq!(missed.get(), 0);
    rig.link.ping().unwrap();
    assert_eq!(missed.get(), 1);
    // One that hangs up owes none.
    rig.link.close(Close::new(Close::NORMAL, "")).unwrap();
    rig.link.abort();
    assert_eq!(missed.get(), 1);
}

#[tokio::test]
async fn a_client_that_is_given_up_has_missed_its_pong() {
    for close in [None, Some(Close::new(Close::HEARTBEAT_LOST, ""))] {
        let mut rig = rig(Protocol::OffhookV1, Limits::default()).await;
        let missed = rig.link.metrics.pongs_missed.clone();
        rig.link.ping().unwrap();
        match close {
            Some(close) => rig.link.close(close).unwrap(),
            None => rig.link.abort(),
        }
        assert_eq!(missed.get(), 1);
    }
}

#[tokio::test]
async fn what_waits_is_counted_until_it_is_sent_or_never_will_be() {
    let mut rig = rig(Protocol::Plain, Limits::default()).await;
    let metrics = Arc::clone(&rig.link.metrics);
    assert_eq!(metrics.connections.get(), 1);
    rig.link.send(text(4096)).unwrap();
    assert_eq!(metrics.buffered.get(), 4096);
    in_time(rig.client.next()).await.unwrap().unwrap();
    rig.link.send(text(9000)).unwrap();
    assert!(metrics.buffered.get() >= 9000);
    rig.link.abort();
    // The task goes at its next turn, with all it holds.
    let gone = async {
        while metrics.connections.get() > 0 || metrics.buffered.get() > 0 {
            tokio::task::yield_now().await;
        }
    };
    in_time(gone).await;
    assert_eq!(metrics.buffered.get(), 0);
}

#[tokio::test]
async fn what_waits_for_a_client_is_bounded_and_said_to_be_much_before() {
    let mut rig = rig(Protocol::Plain, Limits::default()).await;
    assert!(!rig.link.is_backed_up());
    rig.link.send(text(BACKED_UP)).unwrap();
    assert!(rig.link.is_backed_up());
    // The client reads, and there is room again.
    let message = in_time(rig.client.next()).await.unwrap().unwrap();
    assert_eq!(message.len(), BACKED_UP);
    in_time(rig.room.notified()).await;
    assert!(!rig.link.is_backed_up());
    // It does not: at some point it is too much.
    let sent = (0..=MAX_WAITING / 65_536).take_while(|_| rig.link.send(text(65_536)).is_ok());
    assert_eq!(sent.count(), MAX_WAITING / 65_536);
}

#[tokio::test]
async fn many_small_messages_are_bounded_too() {
    let mut rig = rig(Protocol::OffhookV1, Limits::default()).await;
    let sent = (0..2 * ORDERS).take_while(|_| rig.link.send(text(1)).is_ok());
    assert_eq!(sent.count(), ORDERS);
}

#[tokio::test]
async fn in_plain_mode_a_client_has_to_read_before_it_is_listened_to() {
    for (protocol, expected) in [
        (Protocol::Plain, "all was read"),
        (Protocol::OffhookV1, "the client was heard"),
    ] {
        let mut rig = rig(protocol, Limits::default()).await;
        // Once this is heard, room for the next message is there as well.
        rig.client.send(Message::Text("1".into())).await.unwrap();
        in_time(rig.inbox.recv()).await.unwrap();
        rig.link.send(text(BACKED_UP)).unwrap();
        rig.client.send(Message::Text("2".into())).await.unwrap();
        let first = async {
            tokio::select! {
                biased;
                _ = rig.client.next() => "all was read",
                _ = rig.inbox.recv() => "the client was heard",
            }
        };
        assert_eq!(in_time(first).await, expected, "{protocol}");
    }
}
