//! What takes its time: tokens, connections, checks.

use std::time::Duration;

use offhook_proto::Conn;
use offhook_proto::client::{self, Failure};
use offhook_proto::server::{self, Attach, TokenRefused};

use super::line::Line;
use super::phone::Stage;
use super::session::Session;
use super::world::{Job, Luck, World};

/// What a token service or an upgrade takes at best.
const WORK: Duration = Duration::from_millis(30);

impl World {
    /// A job takes the time that its luck says. What never ends is not begun.
    pub(crate) fn start(&mut self, luck: Luck, job: impl FnOnce(Luck) -> Job) {
        let after = match luck {
            Luck::Silent => return,
            Luck::Late(after) => after,
            Luck::Good | Luck::Refused(_) | Luck::Unreachable => WORK,
        };
        self.jobs.push((self.now + after, job(luck)));
    }

    /// A job is done.
    pub(crate) fn finish(&mut self, job: Job) {
        let now = self.now;
        match job {
            Job::Check(session, conn, event_id, luck) => {
                let life = self.ttl.unwrap_or(Duration::from_secs(60));
                let checked = match luck {
                    Luck::Refused(status) if status % 2 == 0 => Err(TokenRefused::Spent),
                    Luck::Refused(_) | Luck::Unreachable => Err(TokenRefused::Invalid),
                    Luck::Good | Luck::Late(_) | Luck::Silent => Ok(now + life),
                };
                let input = server::Input::TokenChecked {
                    conn,
                    event_id,
                    checked,
                };
                self.sessions[session].server.handle(now, input);
            }
            Job::Authorise(conn, luck) if self.phone.conns.contains_key(&conn) => {
                let input = match failure(luck) {
                    None => client::Input::Authorised {
                        conn,
                        expires_in: self.ttl,
                    },
                    Some(failure) => self.fails(conn, failure),
                };
                self.phone.client.handle(now, input);
            }
            Job::Connect(conn, session, luck) => match failure(luck) {
                None => self.accept(conn, session.as_ref()),
                Some(failure) if self.phone.conns.contains_key(&conn) => {
                    let input = self.fails(conn, failure);
                    self.phone.client.handle(now, input);
                }
                Some(_) => {}
            },
            Job::Renew(conn, luck) if self.phone.conns.contains_key(&conn) => {
                let input = match failure(luck) {
                    None => client::Input::Renewed { conn },
                    Some(failure) => client::Input::NotRenewed { conn, failure },
                };
                self.phone.client.handle(now, input);
            }
            // The client has lost interest.
            Job::Authorise(..) | Job::Renew(..) => {}
        }
    }

    fn fails<'a>(&mut self, conn: Conn, failure: Failure) -> client::Input<'a> {
        self.phone.conns.remove(&conn);
        client::Input::Failed { conn, failure }
    }

    /// The bridge lets a connection in.
    fn accept(&mut self, conn: Conn, wanted: Option<&String>) {
        let (now, protocol) = (self.now, self.protocol);
        let live = self.sessions.iter().position(|session| {
            !session.has_ended && session.is_offhook && Some(&session.id) == wanted
        });
        let session = live.filter(|_| protocol.is_offhook()).unwrap_or_else(|| {
            let number = self.sessions.len();
            let config = server::Config {
                session_id: format!("sess_{number}"),
                epoch: format!("epoch_{number}"),
                seed: number as u64,
                ..self.server_config.clone()
            };
            self.sessions
                .push(Session::new(config, protocol.is_offhook(), now));
            number
        });
        self.lines.insert(conn, Line::new(session));
        let attach = Attach {
            conn,
            protocol,
            resumes: wanted.is_some(),
            expires_at: self.ttl.map(|ttl| now + ttl),
            nonce: None,
        };
        self.sessions[session]
            .server
            .handle(now, server::Input::Attach(attach));
        match self.phone.conns.get_mut(&conn) {
            Some(stage) => {
                *stage = Stage::Connected;
                self.phone
                    .client
                    .handle(now, client::Input::Connected { conn, protocol });
            }
            // It took too long: the client is gone, and the server does not know yet.
            None => self.leave_client(conn, true),
        }
    }
}

fn failure(luck: Luck) -> Option<Failure> {
    match luck {
        Luck::Good | Luck::Late(_) | Luck::Silent => None,
        Luck::Refused(status) => Some(Failure::Refused {
            status,
            retry_after: (status % 2 == 1).then_some(Duration::from_secs(2)),
            detail: String::from("refused"),
        }),
        Luck::Unreachable => Some(Failure::Unreachable {
            detail: String::from("connection refused"),
        }),
    }
}
