//! Connections that come: a fresh session, one that goes on where it stopped, one that cannot.

use super::attachment::{Attachment, Leave};
use super::reason::Reason;
use super::{Attach, Output, Phase, Server};
use crate::Time;
use crate::wire::Fields;
use crate::wire::client::SessionResume;
use crate::wire::server::{SessionResumeFailed, SessionResumed};

impl Server {
    pub(super) fn attach(&mut self, now: Time, attach: &Attach) {
        let is_first = self.generation == 0;
        let goes_on = attach.resumes
            && attach.protocol.is_offhook()
            && self.protocol.is_some_and(crate::Protocol::is_offhook);
        if self.phase == Phase::Closing || !(is_first || goes_on) {
            let close = Reason::CannotResume.close(attach.protocol);
            return self.close(now, attach.conn, close, Leave::Alone);
        }
        self.generation = self.generation.saturating_add(1);
        let mut connection = Attachment::new(attach, self.generation, now, &self.config);
        if attach.protocol.is_offhook() {
            connection.told_spread = self.spread;
            self.hello(now, &connection);
        }
        if !is_first {
            // Whoever comes later knows better where the client is.
            self.turn_away(now, Reason::Superseded);
            connection.kept_from = self.ring.first();
            connection.had = self.intake.recv();
            self.pending = Some(connection);
            return;
        }
        if attach.resumes && attach.protocol.is_offhook() {
            connection.was_elsewhere = true;
            self.resume_failed(&connection, "unknown_session");
        }
        self.go_live(now, connection);
    }

    /// The pending connection says from where it goes on.
    pub(super) fn resume(&mut self, now: Time, resume: &SessionResume) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        if let Err(code) = self.can_resume(&pending, resume) {
            self.resume_failed(&pending, code);
            let close = Reason::CannotResume.close(pending.protocol);
            return self.close(now, pending.conn, close, Leave::Alone);
        }
        if let Some(old) = self.current.take() {
            let close = Reason::Superseded.close(old.protocol);
            self.close(now, old.conn, close, Leave::Alone);
        }
        let (replay_from, replay_to) = self
            .ring
            .rewind(resume.last_seq, pending.kept_from)
            .expect("it was just checked");
        let resumed = SessionResumed {
            epoch: self.config.epoch.clone(),
            generation: pending.generation,
            recv: self.intake.recv(),
            commit: self.commit.level(),
            replay_from,
            replay_to,
            extra: Fields::new(),
        };
        self.tell(pending.conn, resumed);
        self.tally.resumed += 1;
        self.go_live(now, pending);
    }

    fn can_resume(&self, pending: &Attachment, resume: &SessionResume) -> Result<(), &'static str> {
        if resume.session_id != self.config.session_id {
            return Err("unknown_session");
        }
        if resume.epoch != self.config.epoch {
            return Err("unknown_epoch");
        }
        // A client whose next event is one that came already has lost its memory.
        let remembers = resume.next_seq > pending.had;
        let can_rewind = self.ring.can_rewind(resume.last_seq, pending.kept_from);
        if can_rewind.is_err() || !remembers {
            return Err("bad_sequence");
        }
        Ok(())
    }

    fn resume_failed(&mut self, connection: &Attachment, code: &str) {
        match code {
            "bad_sequence" => self.tally.bad_sequence += 1,
            _ => self.tally.unknown += 1,
        }
        let failed = SessionResumeFailed {
            code: code.into(),
            extra: Fields::new(),
        };
        self.tell(connection.conn, failed);
    }

    fn go_live(&mut self, now: Time, mut connection: Attachment) {
        connection.heard_at = now;
        connection.ack_at = now + self.config.heartbeat;
        self.protocol = Some(connection.protocol);
        self.current = Some(connection);
        self.set_attached(true);
        self.go_away(now);
        while let Some(event) = self.early.pop_front() {
            self.convey(event);
        }
        self.flush(now);
    }

    pub(super) fn set_attached(&mut self, is_attached: bool) {
        if self.is_attached != is_attached {
            self.is_attached = is_attached;
            self.out.push_back(Output::Attached(is_attached));
        }
    }
}
