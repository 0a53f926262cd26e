//! A token service on a real socket, asked by several at once.
#![allow(clippy::unwrap_used, reason = "a test's helper may fail the test")]

use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);
/// What the service's clock shows, years from this machine's.
const DATE: &str = "date: Fri, 01 Jan 2010 00:00:00 GMT\r\n";
const AT_DATE: u64 = 1_262_304_000;

/// A token service that does what the test says.
struct Service {
    listener: TcpListener,
    tokens: Tokens,
}

/// A request that was not answered yet.
struct Asked {
    stream: TcpStream,
    body: serde_json::Value,
}

impl Service {
    async fn start(reuse: Reuse) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let endpoint = Endpoint::new(&url, Credential::Mint { access_token: None }).unwrap();
        let connector = Connector::new().unwrap();
        let tokens = Tokens::new(connector, endpoint, "sales".to_owned(), reuse);
        Self { listener, tokens }
    }

    /// Asks for a token in the background; whoever asks has begun to when this returns.
    async fn ask(&self, session: Option<&'static str>) -> Asking {
        let tokens = self.tokens.clone();
        let asking = tokio::spawn(async move { tokens.token(session).await });
        // One thread runs all: the task above runs until it waits.
        tokio::task::yield_now().await;
        asking
    }

    async fn asked(&self) -> Asked {
        let accepted = timeout(PATIENCE, self.listener.accept()).await;
        let (mut stream, _) = accepted.expect("a request").unwrap();
        let mut text = String::new();
        while !text.ends_with('}') {
            let mut part = [0; 1024];
            let count = stream.read(&mut part).await.unwrap();
            assert!(count > 0, "it ends after {text:?}");
            text.push_str(std::str::from_utf8(&part[..count]).unwrap());
        }
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        let body = serde_json::from_str(body).unwrap();
        Asked { stream, body }
    }

    /// That nobody is waiting to be answered.
    fn assert_quiet(&self) {
        let accepted = futures_util::FutureExt::now_or_never(self.listener.accept());
        assert!(accepted.is_none(), "one request too many");
    }
}

type Asking = tokio::task::JoinHandle<Result<Token, Failure>>;

impl Asked {
    async fn answer(mut self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n");
        self.stream.write_all(head.as_bytes()).await.unwrap();
        self.stream.write_all(body.as_bytes()).await.unwrap();
    }

    /// Gives a token that is valid for `seconds`.
    async fn give(self, value: &str, seconds: u64) {
        let expires_at = AT_DATE + seconds;
        let body = format!(r#"{{"value":"{value}","expires_at":{expires_at}}}"#);
        self.answer("200 OK", DATE, &body).await;
    }
}

async fn had(asking: Asking) -> String {
    let token = timeout(PATIENCE, asking).await.expect("in time").unwrap();
    token.expect("a token").value.expose_secret().to_owned()
}

async fn failed(asking: Asking) -> Failure {
    let token = timeout(PATIENCE, asking).await.expect("in time").unwrap();
    token.map(drop).expect_err("no token")
}

#[tokio::test]
async fn a_token_for_one_use_is_never_handed_out_twice() {
    let service = Service::start(Reuse::Once).await;
    let first = service.ask(None).await;
    let asked = service.asked().await;
    let second = service.ask(None).await;
    service.assert_quiet();
    asked.give("one", 60).await;
    assert_eq!(had(first).await, "one");
    service.asked().await.give("two", 60).await;
    assert_eq!(had(second).await, "two");
    let third = service.ask(None).await;
    service.asked().await.give("three", 60).await;
    assert_eq!(had(third).await, "three");
}

#[tokio::test]
async fn a_reusable_token_serves_all_who_ask_until_it_is_stale() {
    let service = Service::start(Reuse::UntilExpiry).await;
    let mut asking = Vec::new();
    for _ in 0..10 {
        asking.push(service.ask(None).await);
    }
    let asked = service.asked().await;
    assert_eq!(asked.body["offhook"]["reusable"], true);
    asked.give("first", 60).await;
    for asking in asking {
        assert_eq!(had(asking).await, "first");
    }
    service.assert_quiet();

    // It cannot be waited for here, so the clock is the argument.
    let last = service.tokens.0.last.lock().await;
    let now = service.tokens.0.clock.now();
    let at = |seconds| last.shared(None, 0, now + Duration::from_secs(seconds));
    let shared = at(0).expect("it is fresh").expect("a token");
    let left = shared.expires_in.unwrap();
    // A second may be hidden in the service's date, and this test may have been slow.
    assert!(left > Duration::from_secs(30) && left <= Duration::from_secs(59));
    assert!(at(55).is_none(), "it expires within 5 s");
}

#[tokio::test]
async fn tokens_are_for_a_session_and_not_shared_with_another() {
    let service = Service::start(Reuse::UntilExpiry).await;
    let first = service.ask(None).await;
    let asked = service.asked().await;
    let session = serde_json::json!({ "type": "realtime", "model": "sales", "agent": "sales" });
    assert_eq!(asked.body["session"], session);
    let resume = service.ask(Some("sess_1")).await;
    asked.give("new", 60).await;
    assert_eq!(had(first).await, "new");
    let asked = service.asked().await;
    let session = serde_json::json!({ "type": "realtime", "model": "sales", "agent": "sales", "id": "sess_1" });
    assert_eq!(asked.body["session"], session);
    asked.give("resumed", 60).await;
    assert_eq!(had(resume).await, "resumed");
}

#[tokio::test]
async fn a_failure_is_shared_by_those_who_waited_and_by_no_others() {
    let service = Service::start(Reuse::Once).await;
    let first = service.ask(None).await;
    let asked = service.asked().await;
    let second = service.ask(None).await;
    let other = service.ask(Some("sess_1")).await;
    asked
        .answer("503 Service Unavailable", "retry-after: 3\r\n", "{}")
        .await;
    let busy = Failure::Refused {
        status: 503,
        retry_after: Some(Duration::from_secs(3)),
        detail: "Service Unavailable".to_owned(),
    };
    assert_eq!(failed(first).await, busy);
    assert_eq!(failed(second).await, busy);
    service.asked().await.give("resumed", 60).await;
    assert_eq!(had(other).await, "resumed");
    let later = service.ask(None).await;
    service.asked().await.give("later", 60).await;
    assert_eq!(had(later).await, "later");
}

#[tokio::test]
async fn who_goes_away_leaves_the_way_to_the_next() {
    let service = Service::start(Reuse::Once).await;
    let first = service.ask(None).await;
    let _never_answered = service.asked().await;
    let second = service.ask(None).await;
    first.abort();
    service.asked().await.give("second", 60).await;
    assert_eq!(had(second).await, "second");
}

#[tokio::test]
async fn a_token_that_is_about_to_expire_is_refused() {
    let service = Service::start(Reuse::Once).await;
    for seconds in [0, 5] {
        let asking = service.ask(None).await;
        service.asked().await.give("stale", seconds).await;
        let Failure::NotTheProtocol { detail } = failed(asking).await else {
            panic!("another failure");
        };
        assert!(detail.contains("too soon"), "{detail}");
    }
}

#[tokio::test]
async fn a_token_without_a_date_is_used_once_and_promises_nothing() {
    let service = Service::start(Reuse::UntilExpiry).await;
    for _ in 0..2 {
        let asking = service.ask(None).await;
        let asked = service.asked().await;
        asked
            .answer("200 OK", "", r#"{"value":"ek","expires_at":1}"#)
            .await;
        let token = timeout(PATIENCE, asking).await.unwrap().unwrap().unwrap();
        assert_eq!(token.expires_in, None);
        assert!(!format!("{token:?}").contains("ek"), "no secret shows");
    }
}

#[tokio::test]
async fn a_key_is_handed_out_as_it_is() {
    let key = Credential::Key("key".into());
    let endpoint = Endpoint::new("wss://api.example", key).unwrap();
    let connector = Connector::new().unwrap();
    let tokens = Tokens::new(connector, endpoint, "model".to_owned(), Reuse::Once);
    let token = tokens.token(None).await.expect("no request is needed");
    assert_eq!(token.value.expose_secret(), "key");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_the_networks_fault_an_endless_one_the_services() {
    let service = Service::start(Reuse::Once).await;
    let asking = service.ask(None).await;
    let mut asked = service.asked().await;
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";
    asked.stream.write_all(half).await.unwrap();
    drop(asked);
    let failure = failed(asking).await;
    assert!(
        matches!(failure, Failure::Unreachable { .. }),
        "{failure:?}"
    );

    let asking = service.ask(None).await;
    let asked = service.asked().await;
    asked.answer("200 OK", "", &" ".repeat(257 << 10)).await;
    let failure = failed(asking).await;
    assert!(
        matches!(failure, Failure::NotTheProtocol { .. }),
        "{failure:?}"
    );
}
