//! Fresh tokens for connections that are up: asked for, sent in band, checked.

use offhook_proto::client::Input;
use offhook_proto::server::{self, TokenRefused};
use offhook_proto::wire::client::SessionRefresh;
use offhook_proto::wire::{ClientEvent, Envelope, Fields, Token};
use offhook_proto::{Conn, Frame};
use secrecy::SecretString;

use super::driver::Answer;
use super::{Timer, World};
use crate::check::{Invariant, violated};
use crate::fault::Refresh;
use crate::time::{S, Us};
use crate::tokens::{self, Refused};

/// A token on its way into a connection that is up.
#[derive(Debug)]
pub(crate) struct Renewing {
    pub(super) conn: Conn,
    pub(super) since: Us,
    pub(super) token: Option<usize>,
    pub(super) sent: bool,
}

/// How long a step of a refresh may take before another may begin.
const REFRESH_STEP: Us = 10 * S;
impl World {
    pub(super) fn renew(&mut self, conn: Conn, session: &str) {
        self.note(|| format!("client wants a fresh token for {conn}"));
        let now = self.now;
        let under_way = self.renewing.iter().find(|r| r.conn == conn);
        if under_way.is_some_and(|r| now < r.since + REFRESH_STEP) {
            let detail = format!("a second refresh of {conn} begins while one is under way");
            self.must(violated(Invariant::Refresh, detail));
        }
        self.renewing.retain(|renewing| renewing.conn != conn);
        self.renewing.push(Renewing {
            conn,
            since: now,
            token: None,
            sent: false,
        });
        if let Some((after, answer)) = self.ask_for_token(Some(session.to_owned())) {
            self.at(now + after, Timer::Renewed { conn, answer });
        }
    }

    pub(super) fn renewed(&mut self, conn: Conn, answer: Answer) {
        if self.conditions.client_runs_at > self.now {
            let at = self.conditions.client_runs_at;
            return self.at(at, Timer::Renewed { conn, answer });
        }
        let Some(renewing) = self.renewing.iter_mut().find(|r| r.conn == conn) else {
            return;
        };
        match answer {
            Answer::Token(number) => {
                renewing.token = Some(number);
                self.tell_client(Input::Renewed { conn });
            }
            Answer::Refused(failure) => {
                self.renewing.retain(|renewing| renewing.conn != conn);
                self.stats.refresh_failures += 1;
                self.tell_client(Input::NotRenewed { conn, failure });
            }
        }
    }

    pub(super) fn refresh(&mut self, conn: Conn, event_id: String) {
        let now = self.now;
        let renewing = self.renewing.iter_mut().find(|r| r.conn == conn);
        let ready = renewing.and_then(|r| (!r.sent).then_some(r));
        let Some((renewing, number)) = ready.and_then(|r| r.token.take().map(|n| (r, n))) else {
            let detail = format!("a refresh of {conn} is sent without a fresh token");
            return self.must(violated(Invariant::Refresh, detail));
        };
        renewing.sent = true;
        renewing.since = now;
        if !self.tokens.show(number) {
            self.must(violated(Invariant::Token, "a refresh with a used token"));
        }
        let refresh = SessionRefresh {
            token: Token::from(SecretString::from(tokens::spoken(number))),
            proof: None,
            extra: Fields::new(),
        };
        let envelope = Envelope {
            event_id: Some(event_id),
            seq: None,
            event: ClientEvent::from(refresh),
        };
        self.note(|| format!("client refreshes {conn}"));
        self.client_transmits(conn, Frame::Text(envelope.encode()));
    }

    pub(super) fn check_token(
        &mut self,
        index: usize,
        conn: Conn,
        event_id: Option<String>,
        token: usize,
    ) {
        let slot = self.slots[index].number;
        let usual = self.scenario.upgrade / 2;
        let how = self
            .conditions
            .refresh
            .filter(|(until, _)| self.now < *until);
        let (after, refused) = match how {
            Some((_, Refresh::Lost)) => return,
            Some((_, Refresh::Slow(after))) => (after, false),
            Some((_, Refresh::Refused)) => (usual, true),
            None => (usual, false),
        };
        let checked = Timer::Checked {
            slot,
            conn,
            event_id,
            token,
            refused,
        };
        self.at(self.now + after, checked);
    }

    pub(super) fn checked(
        &mut self,
        slot: u32,
        conn: Conn,
        event_id: Option<String>,
        token: usize,
        refused: bool,
    ) {
        let Some(index) = self.slot_numbered(slot) else {
            return;
        };
        let id = self.slots[index].id.clone();
        let checked = if refused {
            Err(TokenRefused::Foreign)
        } else {
            match self.tokens.spend(token, Some(&id), self.now) {
                Ok((_, expires_at)) => {
                    if let Some(wire) = self.wires.get(conn) {
                        wire.expires_at = expires_at;
                    }
                    Ok(self.server_clock.at(expires_at))
                }
                Err(Refused::Spent) => Err(TokenRefused::Spent),
                Err(Refused::Foreign) => Err(TokenRefused::Foreign),
                Err(Refused::Expired | Refused::Unknown) => Err(TokenRefused::Invalid),
            }
        };
        let input = server::Input::TokenChecked {
            conn,
            event_id,
            checked,
        };
        self.tell_server(index, input, Some(conn));
    }
}
