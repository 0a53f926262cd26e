//! What the two ends' drivers do: send, receive, dial, mint.

use offhook_proto::wire::client::SessionRefresh;
use offhook_proto::wire::{ClientEvent, Envelope};
use offhook_proto::{Close, Conn, Frame, client, server};

use super::line::Packet;
use super::phone::Stage;
use super::world::{Job, World};

impl World {
    /// Does what the machines want until both wait.
    pub(crate) fn settle(&mut self) {
        loop {
            self.count();
            let mut is_settled = true;
            loop {
                match self.phone.client.poll() {
                    client::Output::Wait { .. } => break,
                    output => self.client_wants(output),
                }
                self.count();
                is_settled = false;
            }
            for index in 0..self.sessions.len() {
                while !self.sessions[index].has_ended {
                    match self.sessions[index].server.poll() {
                        server::Output::Wait { .. } => break,
                        output => self.server_wants(index, output),
                    }
                    self.count();
                    is_settled = false;
                }
                is_settled &= !self.sessions[index].pass_on(self.now);
            }
            self.check();
            if is_settled {
                return;
            }
        }
    }

    fn client_wants(&mut self, output: client::Output) {
        use client::Output;
        let now = self.now;
        match output {
            Output::Wait { .. } => {}
            Output::Authorise { conn, session } => {
                self.phone.dials(now, conn, session);
                self.start(self.mint, |luck| Job::Authorise(conn, luck));
            }
            Output::Connect { conn, session, .. } => {
                let stage = self.phone.conns.get_mut(&conn);
                let stage = stage.expect("only what is authorised is connected");
                assert_eq!(
                    *stage,
                    Stage::Authorising(session.clone()),
                    "the token is another's"
                );
                *stage = Stage::Connecting;
                self.start(self.connect, |luck| Job::Connect(conn, session, luck));
            }
            Output::Renew { conn, .. } => {
                self.assert_up(conn);
                self.start(self.refresh, |luck| Job::Renew(conn, luck));
            }
            Output::Refresh { conn, event_id, .. } => {
                let envelope = Envelope {
                    event_id: Some(event_id),
                    ..Envelope::from(ClientEvent::from(SessionRefresh::default()))
                };
                self.client_sends(conn, Packet::Message(Frame::Text(envelope.encode())));
            }
            Output::Transmit { conn, frame } => self.client_sends(conn, Packet::Message(frame)),
            Output::Ping { conn, payload } => self.client_sends(conn, Packet::Ping(Some(payload))),
            Output::Close { conn, close } => {
                self.client_sends(conn, Packet::Close(close));
                if let Some(line) = self.lines.get_mut(&conn) {
                    line.to_server.is_closing = true;
                }
            }
            Output::Abort { conn } => {
                // The driver may have told of its end at the same moment.
                self.phone.conns.remove(&conn);
                self.leave_client(conn, true);
            }
            Output::Event(event) => self.phone.hears(&event),
            Output::State(state) => {
                assert!(self.phone.end().is_none(), "{state:?} after the end");
                self.phone.state = Some(state);
            }
            Output::Lost(gap) => self.phone.loses(&gap),
            Output::Back(_) | Output::Ignored { .. } => {}
        }
    }

    fn server_wants(&mut self, index: usize, output: server::Output) {
        use server::Output;
        match output {
            Output::Wait { .. } => {}
            Output::Transmit { conn, frame } => {
                self.server_sends(index, conn, Packet::Message(frame));
            }
            Output::Ping { conn } => self.server_sends(index, conn, Packet::Ping(None)),
            Output::Close { conn, close } => {
                self.server_sends(index, conn, Packet::Close(close));
                if let Some(line) = self.lines.get_mut(&conn) {
                    line.to_client.is_closing = true;
                }
            }
            Output::Abort { conn } => self.leave_server(conn),
            Output::CheckToken { conn, event_id, .. } => {
                self.start(self.refresh, |luck| Job::Check(index, conn, event_id, luck));
            }
            Output::Upstream(envelope) => {
                let session = &mut self.sessions[index];
                session.take(envelope.event, &self.phone, &mut self.arrived);
            }
            Output::UpstreamAudio(pcm) => {
                self.sessions[index].hear(&pcm, &self.phone, &mut self.arrived);
            }
            Output::Attached(is_attached) => self.sessions[index].is_attached = is_attached,
            Output::Ended => self.end_session(index),
        }
    }

    /// A session is over, or its bridge is gone: its connections are dropped.
    pub(crate) fn end_session(&mut self, index: usize) {
        self.sessions[index].has_ended = true;
        let lines = self.lines.iter().filter(|(_, line)| line.session == index);
        let conns: Vec<Conn> = lines.map(|(conn, _)| *conn).collect();
        for conn in conns {
            self.leave_server(conn);
        }
    }

    fn client_sends(&mut self, conn: Conn, packet: Packet) {
        self.assert_up(conn);
        let (now, delay) = (self.now, self.delay);
        if let Some(line) = self.lines.get_mut(&conn) {
            assert!(
                !line.to_server.is_closing,
                "{packet:?} after a close frame on {conn}"
            );
            line.to_server.send(now, delay, packet);
        }
    }

    fn assert_up(&self, conn: Conn) {
        let is_up = self.phone.conns.get(&conn) == Some(&Stage::Connected);
        // A client that is told of the end may first find that it has slept, and ask.
        let is_just_gone = self.phone.gone == Some((conn, self.now));
        assert!(is_up || is_just_gone, "{conn} is not up");
    }

    fn server_sends(&mut self, index: usize, conn: Conn, packet: Packet) {
        let (now, delay) = (self.now, self.delay);
        let line = self.lines.get_mut(&conn).expect("the server knows it");
        assert_eq!(line.session, index, "{conn} is another session's");
        assert!(
            !line.to_client.is_closing,
            "{packet:?} after a close frame on {conn}"
        );
        line.to_client.send(now, delay, packet);
    }

    /// The client drops a connection, or learns that it is gone.
    pub(crate) fn leave_client(&mut self, conn: Conn, tells: bool) {
        let (now, delay) = (self.now, self.delay);
        if let Some(line) = self.lines.get_mut(&conn)
            && line.to_client.is_open
        {
            line.to_client.close();
            if tells {
                line.to_server.send(now, delay, Packet::Cut);
            }
        }
    }

    fn leave_server(&mut self, conn: Conn) {
        let (now, delay) = (self.now, self.delay);
        if let Some(line) = self.lines.get_mut(&conn)
            && line.to_server.is_open
        {
            line.to_server.close();
            line.to_client.send(now, delay, Packet::Cut);
        }
    }

    /// The client is told that a connection is gone.
    pub(crate) fn drop_at_client(&mut self, conn: Conn, close: Option<Close>) {
        self.leave_client(conn, false);
        if self.phone.conns.remove(&conn).is_some() {
            self.phone.gone = Some((conn, self.now));
            let received = match close {
                Some(close) => client::Received::Closed(close),
                None => client::Received::Dropped("connection reset"),
            };
            self.phone
                .client
                .handle(self.now, client::Input::Received { conn, received });
        }
    }

    /// The server is told that a connection is gone.
    pub(crate) fn drop_at_server(&mut self, conn: Conn, close: Option<Close>) {
        let Some(line) = self.lines.get_mut(&conn) else {
            return;
        };
        let session = &mut self.sessions[line.session];
        if line.to_server.is_open {
            line.to_server.close();
            if !session.has_ended {
                let received = server::Received::Closed(close);
                session
                    .server
                    .handle(self.now, server::Input::Received { conn, received });
            }
        }
    }

    /// Something arrives over a connection.
    pub(crate) fn deliver(&mut self, conn: Conn) {
        let now = self.now;
        let line = self.lines.get_mut(&conn).expect("something is due on it");
        if line.to_client.due().is_some_and(|due| due <= now) {
            let packet = line.to_client.take().expect("it is due");
            return self.deliver_to_client(conn, &packet);
        }
        if let Some(packet) = line.to_server.take() {
            self.deliver_to_server(conn, &packet);
        }
    }

    fn deliver_to_client(&mut self, conn: Conn, packet: &Packet) {
        let (now, delay) = (self.now, self.delay);
        let line = self.lines.get_mut(&conn).expect("it was delivered over it");
        let received = match packet {
            Packet::Message(Frame::Text(text)) => client::Received::Text(text),
            Packet::Message(Frame::Binary(bytes)) => client::Received::Binary(bytes),
            Packet::Ping(payload) => {
                line.to_server.send(now, delay, Packet::Pong(*payload));
                client::Received::Alive(None)
            }
            Packet::Pong(payload) => client::Received::Alive(*payload),
            Packet::Close(close) => {
                if !line.to_server.is_closing {
                    line.to_server
                        .send(now, delay, Packet::Close(close.clone()));
                }
                return self.drop_at_client(conn, Some(close.clone()));
            }
            Packet::Cut => return self.drop_at_client(conn, None),
        };
        self.phone
            .client
            .handle(now, client::Input::Received { conn, received });
    }

    fn deliver_to_server(&mut self, conn: Conn, packet: &Packet) {
        let (now, delay) = (self.now, self.delay);
        let line = self.lines.get_mut(&conn).expect("it was delivered over it");
        let received = match packet {
            Packet::Message(Frame::Text(text)) => server::Received::Text(text),
            Packet::Message(Frame::Binary(bytes)) => server::Received::Binary(bytes),
            Packet::Ping(payload) => {
                line.to_client.send(now, delay, Packet::Pong(*payload));
                server::Received::Alive
            }
            Packet::Pong(_) => server::Received::Alive,
            Packet::Close(close) => {
                if !line.to_client.is_closing {
                    line.to_client
                        .send(now, delay, Packet::Close(close.clone()));
                }
                return self.drop_at_server(conn, Some(close.clone()));
            }
            Packet::Cut => return self.drop_at_server(conn, None),
        };
        let session = &mut self.sessions[line.session];
        if !session.has_ended {
            session
                .server
                .handle(now, server::Input::Received { conn, received });
        }
    }
}
