//! What one session adds to its bridge's metrics.

use std::sync::Arc;
use std::time::Duration;

use offhook_proto::server::Tally;
use offhook_proto::wire::ServerEvent;
use offhook_proto::{Close, Server, Time};
use prometheus_client::metrics::counter::Counter;

use super::labels::{UpstreamState, close_code};
use super::{Metrics, Share};
use crate::session::Heard;

/// The most that one session can lose: clients say how much it was, and a session lives for an hour.
const MOST_LOST_MS: u64 = 60 * 60 * 1000;

/// What one session adds; it is taken back when the session goes.
#[derive(Debug)]
pub(crate) struct SessionMetrics {
    metrics: Arc<Metrics>,
    kept: Share,
    held_back: Share,
    upstream: (UpstreamState, Share),
    /// What was told already.
    told: Tally,
    /// When the message was read that is being handed on.
    read_at: Option<Time>,
}

impl SessionMetrics {
    pub(crate) fn new(metrics: &Arc<Metrics>) -> Self {
        Self {
            kept: Share::none(&metrics.kept),
            held_back: Share::none(&metrics.held_back),
            upstream: metrics.upstream(UpstreamState::Connecting),
            told: Tally::default(),
            read_at: None,
            metrics: Arc::clone(metrics),
        }
    }

    /// This was read at this time, and is handed on now.
    pub(crate) const fn read(&mut self, heard: &Heard, at: Time) {
        if matches!(heard, Heard::Text(_) | Heard::Binary(_)) {
            self.read_at = Some(at);
        }
    }

    /// All that was to be done at once is done, and the upstream is asked for more, or not.
    pub(crate) fn settled(&mut self, now: Time, server: &Server, takes_upstream: bool) {
        if let Some(read_at) = self.read_at.take() {
            self.metrics.messages.observe(now - read_at);
        }
        self.kept.set(server.kept_bytes());
        self.held_back.set(usize::from(!takes_upstream));
        let tally = server.tally();
        if tally != self.told {
            self.tell(tally);
        }
    }

    /// The upstream has said this to the client.
    pub(crate) fn upstream_said(&mut self, event: &ServerEvent) {
        match (self.upstream.0, event) {
            (_, ServerEvent::Upstream(upstream)) if upstream.state == "reconnecting" => {
                self.upstream = self.metrics.upstream(UpstreamState::Reconnecting);
            }
            // What cannot be reached says that it cannot.
            (UpstreamState::Connecting, ServerEvent::Error(_)) => {}
            (UpstreamState::Connecting, _) | (_, ServerEvent::Upstream(_)) => {
                self.upstream = self.metrics.upstream(UpstreamState::Up);
            }
            _ => {}
        }
    }

    /// The upstream is over.
    pub(crate) fn upstream_ended(&mut self, close: &Close) {
        self.upstream = self.metrics.upstream(UpstreamState::Ended);
        let code = close_code(close.code);
        self.metrics
            .upstream_ends
            .get_or_create(&[("code", code)])
            .inc();
    }

    fn tell(&mut self, tally: Tally) {
        let told = std::mem::replace(&mut self.told, tally);
        for (result, count) in [
            ("resumed", tally.resumed - told.resumed),
            ("unknown_session", tally.unknown - told.unknown),
            ("bad_sequence", tally.bad_sequence - told.bad_sequence),
        ] {
            let result = self
                .metrics
                .resumes
                .get_or_create_owned(&[("result", result)]);
            result.inc_by(count);
        }
        let lost = tally.lost_ms.min(MOST_LOST_MS) - told.lost_ms.min(MOST_LOST_MS);
        let gaps: Counter<f64, _> = self
            .metrics
            .gaps
            .get_or_create_owned(&[("direction", "input")]);
        gaps.inc_by(Duration::from_millis(lost).as_secs_f64());
    }
}

impl Metrics {
    /// One more upstream in this state, for as long as the share is kept.
    fn upstream(&self, state: UpstreamState) -> (UpstreamState, Share) {
        let gauge = self.upstreams.get_or_create(&[("state", state.label())]);
        (state, Share::one(&gauge))
    }
}

#[cfg(test)]
mod tests {
    use offhook_proto::server::{Attach, Config, Input};
    use offhook_proto::wire::server::SessionCreated;
    use offhook_proto::{Conn, Protocol};

    use super::*;

    #[test]
    fn what_a_session_holds_is_counted_until_it_goes() {
        let metrics = Metrics::new(0.0);
        let mut server = Server::new(Config::default(), Time::ZERO);
        let mut session = SessionMetrics::new(&metrics);
        server.handle(
            Time::ZERO,
            Input::Attach(Attach {
                conn: Conn(1),
                protocol: Protocol::OffhookV1,
                resumes: false,
                expires_at: None,
                nonce: None,
            }),
        );
        session.settled(Time::ZERO, &server, true);
        assert_eq!((metrics.kept.get(), metrics.held_back.get()), (0, 0));
        let created = ServerEvent::from(SessionCreated::default());
        server.handle(Time::ZERO, Input::Upstream(created.into()));
        session.settled(Time::ZERO, &server, false);
        let kept = i64::try_from(server.kept_bytes()).unwrap();
        assert!(kept > 0);
        assert_eq!((metrics.kept.get(), metrics.held_back.get()), (kept, 1));
        drop(session);
        assert_eq!((metrics.kept.get(), metrics.held_back.get()), (0, 0));
    }
}
