//! What a connection needs before it is one: a token and an upgrade; and later a fresh token.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use offhook_proto::Conn;
use offhook_proto::client::Failure;
use offhook_proto::wire::client::SessionRefresh;
use offhook_proto::wire::{ClientEvent, Envelope};

use crate::call::Config;
use crate::connect::Connector;
use crate::endpoint::Endpoint;
use crate::errands::Errands;
use crate::token::{Reuse, Token, Tokens};
use crate::upgrade::{Upgraded, Wanted, upgrade};

/// One that comes up, one that is to take over, and a token for the one that is up.
const MOST: usize = 4;

/// The attempts under way, and the tokens they were given.
pub(crate) struct Attempts {
    connector: Connector,
    endpoint: Endpoint,
    agent: String,
    max_message_bytes: usize,
    tokens: Tokens,
    /// Bought and not shown to anybody yet.
    unused: BTreeMap<Conn, Token>,
    errands: Errands<Done>,
}

/// What an attempt came to.
pub(crate) enum News {
    /// Its token is here.
    Authorised {
        /// How much longer it is valid; none where that is not known.
        expires_in: Option<Duration>,
    },
    /// It is a connection.
    Connected(Box<Upgraded>),
    /// It failed.
    Failed(Failure),
    /// The fresh token of a connection is here.
    Renewed,
    /// There is none.
    NotRenewed(Failure),
}

enum Done {
    Authorised(Result<Token, Failure>),
    Connected(Result<Box<Upgraded>, Failure>),
    Renewed(Result<Token, Failure>),
}

impl Attempts {
    pub(crate) fn new(config: Config) -> Self {
        let tokens = Tokens::new(
            config.connector.clone(),
            config.endpoint.clone(),
            config.agent.clone(),
            Reuse::Once,
        );
        Self {
            connector: config.connector,
            endpoint: config.endpoint,
            agent: config.agent,
            max_message_bytes: config.session.max_message_bytes as usize,
            tokens,
            unused: BTreeMap::new(),
            errands: Errands::new(MOST),
        }
    }

    /// Buys a token for an attempt, to resume `session` or to open a new one.
    pub(crate) fn authorise(&mut self, conn: Conn, session: Option<String>) {
        let tokens = self.tokens.clone();
        self.errands.start(conn, async move {
            Done::Authorised(tokens.token(session.as_deref()).await)
        });
    }

    /// Connects with the token that was bought for the attempt; to `url`, if that is as good as the
    /// endpoint.
    pub(crate) fn connect(&mut self, conn: Conn, session: Option<String>, url: Option<&str>) {
        // The machine asks for a token first, and drops an attempt without one.
        let Some(token) = self.unused.remove(&conn) else {
            return;
        };
        let endpoint = url.and_then(|url| {
            let moved = self.endpoint.moved(url);
            moved
                .inspect_err(|error| {
                    tracing::warn!(%conn, "the server's address to come back to is ignored: {error}");
                })
                .ok()
        });
        let endpoint = endpoint.unwrap_or_else(|| self.endpoint.clone());
        let (connector, agent) = (self.connector.clone(), self.agent.clone());
        let max_message_bytes = self.max_message_bytes;
        self.errands.start(conn, async move {
            let wanted = Wanted {
                token: &token,
                agent: &agent,
                session: session.as_deref(),
                max_message_bytes,
            };
            let upgraded = upgrade(&connector, &endpoint, wanted).await;
            Done::Connected(upgraded.map(Box::new))
        });
    }

    /// Buys a fresh token for a connection that is up.
    pub(crate) fn renew(&mut self, conn: Conn, session: String) {
        let tokens = self.tokens.clone();
        self.errands.start(conn, async move {
            Done::Renewed(tokens.token(Some(&session)).await)
        });
    }

    /// The message that shows a connection's fresh token to the server; none where there is none.
    /// It holds the token: for the socket and nothing else.
    pub(crate) fn refresh(
        &mut self,
        conn: Conn,
        event_id: String,
        nonce: Option<&str>,
    ) -> Option<String> {
        let Token { value, prover, .. } = self.unused.remove(&conn)?;
        let url = self.endpoint.realtime_url();
        let refresh = SessionRefresh {
            proof: prover.map(|prover| prover.prove(&Method::GET, &url, Some(&value), nonce)),
            token: value.into(),
            ..SessionRefresh::default()
        };
        let envelope = Envelope {
            event_id: Some(event_id),
            seq: None,
            event: ClientEvent::from(refresh),
        };
        Some(envelope.encode())
    }

    /// Stops whatever is under way for a connection, and forgets its token.
    pub(crate) fn stop(&mut self, conn: Conn) {
        self.errands.stop(conn);
        self.unused.remove(&conn);
    }

    /// What the next attempt came to. May be dropped and called again at any point without loss.
    pub(crate) async fn next(&mut self) -> (Conn, News) {
        let (conn, done) = self.errands.next().await;
        let news = match done {
            Done::Authorised(Ok(token)) => {
                let expires_in = token.expires_in;
                self.unused.insert(conn, token);
                News::Authorised { expires_in }
            }
            Done::Connected(Ok(upgraded)) => News::Connected(upgraded),
            Done::Authorised(Err(failure)) | Done::Connected(Err(failure)) => News::Failed(failure),
            Done::Renewed(Ok(token)) => {
                self.unused.insert(conn, token);
                News::Renewed
            }
            Done::Renewed(Err(failure)) => News::NotRenewed(failure),
        };
        (conn, news)
    }
}
