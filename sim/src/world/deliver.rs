//! What arrives, and what a socket library does about it by itself.

use offhook_proto::client::{Failure, Input, Received};
use offhook_proto::server;
use offhook_proto::{Close, Conn};

use super::World;
use super::wire::Wire;
use crate::log::Frame as Logged;
use crate::mutation::Mutation;
use crate::net::Packet;
use crate::time::{S, Us, micros};

impl World {
    pub(super) fn deliver_down(&mut self, index: usize) {
        let link = &mut self.links[index];
        let (conn, listens) = (link.conn, link.client_listens);
        let Some(packet) = link.down.pop() else {
            return;
        };
        if !listens {
            // Whoever writes to a socket that is gone is told so.
            if !matches!(packet, Packet::Fin | Packet::Reset) && link.server_listens {
                let (now, way) = (self.now, self.conditions.up);
                link.up.shut = false;
                link.up.send(now, way, &mut self.random, Packet::Reset);
                link.up.shut = true;
            }
            return;
        }
        if link.foreign {
            return self.foreign_hears(index, &packet);
        }
        match packet {
            Packet::Upgraded(protocol) => {
                link.client_connected = true;
                let now = self.now;
                let attempt = self.attempts.iter_mut().find(|a| a.conn == conn);
                if let Some(attempt) = attempt {
                    attempt.connected_at = Some(now);
                }
                self.stats.connections += 1;
                self.caller.agreed = Some(protocol);
                self.note(|| format!("{conn} is up, {protocol}"));
                self.tell_client(Input::Connected { conn, protocol });
            }
            Packet::Refused(failure) => {
                link.client_listens = false;
                link.up.shut = true;
                self.note(|| format!("{conn} is refused: {failure:?}"));
                self.tell_client(Input::Failed { conn, failure });
            }
            Packet::Text(text) => {
                let text = self.tampered(text);
                self.told(conn, &text);
                self.receive(conn, Received::Text(&text));
            }
            Packet::Binary(bytes) => {
                self.note_frame(Logged::Arrived);
                self.receive(conn, Received::Binary(&bytes));
            }
            Packet::Ping(_) => {
                self.send_up(conn, Packet::Pong(None));
                self.receive(conn, Received::Alive(None));
            }
            Packet::Pong(payload) => self.receive(conn, Received::Alive(payload)),
            Packet::Close(close) => self.client_hears_close(conn, close),
            Packet::Fin | Packet::Reset => self.client_hears_end(conn),
            Packet::Upgrade { .. } => {}
        }
    }

    fn receive(&mut self, conn: Conn, received: Received<'_>) {
        self.tell_client(Input::Received { conn, received });
    }

    fn client_hears_close(&mut self, conn: Conn, close: Close) {
        self.note(|| format!("client ← {conn} close {} {:?}", close.code, close.reason));
        if let Some(hint) = close.hint("retry_after_ms") {
            self.dials.hint(self.now, hint * crate::time::MS);
        }
        self.send_up(conn, Packet::Close(close.clone()));
        if let Some(link) = self.link_mut(conn) {
            link.client_listens = false;
            link.up.shut = true;
        }
        self.gone(conn, close.code == Close::SUPERSEDED);
        self.receive(conn, Received::Closed(close));
    }

    fn client_hears_end(&mut self, conn: Conn) {
        let Some(link) = self.link_mut(conn) else {
            return;
        };
        let connected = link.client_connected;
        link.client_listens = false;
        link.up.shut = true;
        self.note(|| format!("client ← {conn} broken"));
        self.gone(conn, false);
        if connected {
            self.receive(conn, Received::Dropped("connection reset"));
        } else {
            let detail = "connection reset".into();
            let failure = Failure::Unreachable { detail };
            self.tell_client(Input::Failed { conn, failure });
        }
    }

    pub(super) fn deliver_up(&mut self, index: usize) {
        let link = &mut self.links[index];
        let (conn, listens) = (link.conn, link.server_listens);
        let Some(packet) = link.up.pop() else {
            return;
        };
        if !listens {
            if !matches!(packet, Packet::Fin | Packet::Reset) && link.client_listens {
                let (now, way) = (self.now, self.conditions.down);
                link.down.shut = false;
                link.down.send(now, way, &mut self.random, Packet::Reset);
                link.down.shut = true;
            }
            return;
        }
        if let Packet::Upgrade { token, session } = packet {
            return self.upgrade(conn, token, session.as_deref());
        }
        let now = self.now;
        if let Some(wire) = self.wires.get(conn) {
            wire.heard_at = now;
        }
        let Some(slot) = self.slot_of(conn) else {
            // Its session is gone with the instance that had it.
            let link = &mut self.links[index];
            link.server_listens = false;
            link.down.shut = false;
            return self.send_down(conn, Packet::Reset);
        };
        match packet {
            Packet::Text(text) => self.server_receives(slot, conn, server::Received::Text(&text)),
            Packet::Binary(bytes) => {
                self.server_receives(slot, conn, server::Received::Binary(&bytes));
            }
            Packet::Ping(payload) => {
                self.send_down(conn, Packet::Pong(Some(payload)));
                self.server_receives(slot, conn, server::Received::Alive);
            }
            Packet::Pong(_) => self.server_receives(slot, conn, server::Received::Alive),
            Packet::Close(close) => {
                let link = &mut self.links[index];
                link.server_listens = false;
                if !link.server_closed {
                    self.send_down(conn, Packet::Close(close.clone()));
                }
                let link = &mut self.links[index];
                link.down.shut = true;
                self.note(|| format!("server ← {conn} close {}", close.code));
                self.server_receives(slot, conn, server::Received::Closed(Some(close)));
            }
            Packet::Fin | Packet::Reset => {
                let link = &mut self.links[index];
                link.server_listens = false;
                link.down.shut = true;
                self.note(|| format!("server ← {conn} broken"));
                self.server_receives(slot, conn, server::Received::Closed(None));
            }
            Packet::Upgrade { .. } | Packet::Upgraded(_) | Packet::Refused(_) => {}
        }
    }

    fn server_receives(&mut self, slot: usize, conn: Conn, received: server::Received<'_>) {
        let told_as = match self.mutation {
            Some(Mutation::Unfenced) => self.slots[slot].latest.unwrap_or(conn),
            _ => conn,
        };
        let input = server::Input::Received {
            conn: told_as,
            received,
        };
        self.tell_server(slot, input, Some(conn));
    }

    /// A connection begins to be looked at.
    pub(super) fn wire_begins(&mut self, conn: Conn, expires_at: Us) {
        self.wires.add(Wire::new(conn, self.now, expires_at));
    }

    /// What the client is told is not what the server said.
    fn tampered(&self, text: String) -> String {
        match self.mutation {
            Some(Mutation::ReceivedTooMuch) if text.contains("\"session.resumed\"") => {
                let recv = number(&text, "recv").unwrap_or(0);
                replaced(&text, "recv", recv + 5)
            }
            Some(Mutation::UsedTooMuch) if text.starts_with("{\"type\":\"offhook.ack\"") => {
                let received = number(&text, "up_to").unwrap_or(0);
                replaced(&text, "commit", received)
            }
            _ => text,
        }
    }

    /// A server that says no may say when to come back.
    pub(super) fn hinted(&mut self, failure: &Failure) {
        if let Failure::Refused { retry_after, .. } = failure {
            let wait = retry_after.map_or(0, micros);
            // The answer is on its way for a while.
            self.dials.hint(self.now + 2 * S, wait);
        }
    }
}

fn place(text: &str, field: &str) -> Option<(usize, usize)> {
    let name = format!("\"{field}\":");
    let from = text.find(&name)? + name.len();
    let digits = text[from..].find(|c: char| !c.is_ascii_digit())?;
    Some((from, from + digits))
}

fn number(text: &str, field: &str) -> Option<u64> {
    let (from, to) = place(text, field)?;
    text[from..to].parse().ok()
}

fn replaced(text: &str, field: &str, number: u64) -> String {
    let Some((from, to)) = place(text, field) else {
        return text.to_owned();
    };
    format!("{}{number}{}", &text[..from], &text[to..])
}
