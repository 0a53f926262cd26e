//! Requests to a server on a real socket.
#![allow(clippy::unwrap_used, reason = "a test's helper may fail the test")]

use std::time::Duration;

use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::*;
use crate::dpop::ProofKey;

const PATIENCE: Duration = Duration::from_secs(20);

/// A server that gives these answers, one a connection, and tells the requests.
async fn serve(answers: Vec<String>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = String::new();
            while !text.contains("\r\n\r\n") {
                let mut part = [0; 4096];
                let count = stream.read(&mut part).await.unwrap();
                text.push_str(std::str::from_utf8(&part[..count]).unwrap());
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            requests.push(text);
        }
        requests
    });
    (url, served)
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

fn get(url: &str) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).unwrap()
}

fn connector() -> Connector {
    Connector::new().unwrap().without_proxy()
}

#[tokio::test]
async fn an_answer_of_any_status_is_an_answer() {
    let redirect = answer("302 Found", "location: https://evil.example/\r\n", "no");
    let (url, served) = serve(vec![redirect]).await;
    let response = connector().fetch(get(&format!("{url}/a/b?c=d"))).await;
    let response = response.unwrap();
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(response.body().as_ref(), b"no");
    let requests = timeout(PATIENCE, served).await.unwrap().unwrap();
    assert!(
        requests[0].starts_with("GET /a/b?c=d HTTP/1.1\r\n"),
        "{requests:?}"
    );
    let host = url.strip_prefix("http://").unwrap();
    assert!(
        requests[0].contains(&format!("host: {host}\r\n")),
        "{requests:?}"
    );
}

#[tokio::test]
async fn an_endless_answer_is_none() {
    let (url, _served) = serve(vec![answer("200 OK", "", &"x".repeat(MAX_BODY + 1))]).await;
    let failure = connector().fetch(get(&url)).await.unwrap_err();
    assert!(
        matches!(&failure, Failure::NotTheProtocol { detail } if detail.contains("256 KiB")),
        "{failure:?}"
    );
}

#[tokio::test]
async fn what_is_no_address_is_not_asked() {
    for address in ["/relative", "ftp://bridge.example/x", "mailto:x"] {
        let request = Request::get(address).body(Bytes::new());
        let Ok(request) = request else { continue };
        let failure = connector().fetch(request).await.unwrap_err();
        assert!(
            matches!(failure, Failure::NotTheProtocol { .. }),
            "{address}"
        );
    }
}

#[tokio::test]
async fn a_proof_is_sent_again_with_the_servers_nonce_and_no_third_time() {
    let wanted = r#"{"error":"use_dpop_nonce"}"#;
    let (url, served) = serve(vec![
        answer("400 Bad Request", "dpop-nonce: one\r\n", wanted),
        answer("400 Bad Request", "dpop-nonce: two\r\n", wanted),
        answer("200 OK", "", "{}"),
    ])
    .await;
    let prover = Prover::new(Arc::new(ProofKey::generate().unwrap()));
    let send = || {
        let request = Request::builder().method(Method::POST).uri(&url);
        let request = request.body(Bytes::from_static(b"a=b")).unwrap();
        async { connector().fetch_proven(request, &prover, None).await }
    };
    let first = timeout(PATIENCE, send()).await.unwrap().unwrap();
    assert_eq!(first.status(), StatusCode::BAD_REQUEST);
    assert_eq!(send().await.unwrap().status(), StatusCode::OK);
    let requests = timeout(PATIENCE, served).await.unwrap().unwrap();
    let proofs = requests.iter().map(|request| {
        let (_, proof) = request.split_once("dpop: ").unwrap();
        proof.split_once("\r\n").unwrap().0.to_owned()
    });
    let proofs: std::collections::BTreeSet<String> = proofs.collect();
    assert_eq!(proofs.len(), 3, "no proof is sent twice");
}
