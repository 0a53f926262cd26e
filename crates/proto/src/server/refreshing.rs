//! Fresh tokens in band: one at a time, checked by the driver; and the wish for one.

use alloc::string::String;
use core::time::Duration;

use super::reason::Reason;
use super::saying::millis;
use super::{Output, Server, TokenRefused};
use crate::wire::client::SessionRefresh;
use crate::wire::server::{SessionRefreshRequired, SessionRefreshed};
use crate::wire::{ClientEvent, Envelope, Fields};
use crate::{Conn, Time};

impl Server {
    /// The client brings a fresh token.
    pub(super) fn refresh(&mut self, now: Time, envelope: Envelope<ClientEvent>) {
        let (Some(current), ClientEvent::SessionRefresh(refresh)) =
            (&mut self.current, envelope.event)
        else {
            return;
        };
        let event_id = envelope.event_id;
        if !current.credential.check(now, event_id.as_ref()) {
            let message = "Another token of this connection is being checked.";
            return self.refuse(now, "refresh_in_progress", message, event_id);
        }
        let SessionRefresh { token, proof, .. } = refresh;
        let conn = current.conn;
        self.out.push_back(Output::CheckToken {
            conn,
            event_id,
            token,
            proof,
        });
    }

    /// The driver has checked it.
    pub(super) fn token_checked(
        &mut self,
        now: Time,
        conn: Conn,
        event_id: Option<String>,
        checked: Result<Time, TokenRefused>,
    ) {
        let Some(current) = self.current.as_mut().filter(|c| c.conn == conn) else {
            return;
        };
        match current.credential.checked(now, event_id.as_ref(), checked) {
            Ok(expires_at) => {
                let refresh_in = current.credential.refresh_in(now, &mut self.random);
                let refreshed = SessionRefreshed {
                    expires_at: self.unix_s(expires_at),
                    refresh_in_ms: refresh_in.map_or(u32::MAX, millis),
                    extra: Fields::new(),
                };
                self.tell(conn, refreshed);
            }
            Err(refused) => {
                let (code, message) = refused.told();
                self.say_error(now, code, message, event_id);
                if refused == TokenRefused::OtherKey {
                    self.lose(now, Reason::Moved);
                }
            }
        }
    }

    /// The client is not where its token was minted. Plain clients could do nothing about it, and
    /// who comes back later brings a token from where it then is.
    pub(super) fn require_refresh(&mut self, now: Time, reason: &str, deadline: Duration) {
        let Some(current) = self.current.as_mut().filter(|c| c.protocol.is_offhook()) else {
            return;
        };
        current.credential.require(now + deadline);
        let required = SessionRefreshRequired {
            reason: reason.into(),
            deadline_ms: millis(deadline),
            extra: Fields::new(),
        };
        let conn = current.conn;
        self.tell(conn, required);
    }
}
