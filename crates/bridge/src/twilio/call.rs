//! One phone call: the loop between its streams, its leg and what answers it.

use std::sync::Arc;
use std::time::Duration;

use offhook_proto::wire::client::{
    ConversationItemCreate, ConversationItemTruncate, ResponseCancel, ResponseCreate,
};
use offhook_proto::wire::{ClientEvent, ContentPart, Envelope, Item, ServerEvent, decode_pcm16};
use offhook_proto::{Close, Conn, Frame, Protocol, Time};
use offhook_telephony::leg::{self, Audio, Codec, Leg};
use offhook_telephony::message::{Event, Message};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use tracing::{debug, info, warn};

use crate::fingerprint::Sender;
use crate::http::{Closing, State};
use crate::session::{Client, Heard, Inbox, Limits, Link, Socket, Ties};
use crate::upstream::{self, Upstream};

/// Streams that may wait to be taken up by their call.
pub(super) const ARRIVED: usize = 2;
/// Messages from streams that may wait to be handled.
const INBOX: usize = 8;
/// So much of what the agent says may be unheard before it is left unread, in s: less than the leg
/// keeps.
const MOST_UNHEARD: u64 = 240;
/// How long a call is kept without a stream at least: the first one is on its way when it begins.
const SHORTEST_WINDOW: Duration = Duration::from_secs(5);
/// The id of the events that ask for an answer.
const OUR_ASK: &str = "event_offhook_answer";

/// A stream that has started.
pub(super) struct Arrived {
    pub(super) socket: Socket<Client>,
    /// Its start.
    pub(super) message: Message,
    pub(super) sender: Sender,
}

/// Runs a call from its first stream to its end.
pub(super) async fn run(
    state: Arc<State>,
    call_sid: String,
    agent: String,
    mut arrivals: mpsc::Receiver<Arrived>,
    slot: OwnedSemaphorePermit,
) {
    let mut closing = state.closing.subscribe();
    closing.mark_changed();
    let (sender, mut inbox) = mpsc::channel(INBOX);
    let mut call = match Call::new(Arc::clone(&state), &call_sid, &agent, slot, sender) {
        Ok(call) => call,
        Err(error) => {
            warn!(call = call_sid, %error, "the system gives no random numbers");
            drop(arrivals);
            return forget(&state, &call_sid, true);
        }
    };
    info!(call = call_sid, agent, "a phone call begins");
    let ended = loop {
        let until = match call.settle() {
            Settled::Until(until) => until,
            Settled::Ended(ended) => break ended,
        };
        let takes_upstream = call.takes_upstream();
        tokio::select! {
            Some(arrived) = arrivals.recv() => call.attach(arrived),
            Some((conn, heard, _)) = inbox.recv() => call.heard(conn, &heard),
            () = call.upstream.arrived(), if takes_upstream => {}
            () = call.room.notified() => {}
            Ok(()) = closing.changed() => {
                if *closing.borrow_and_update() == Closing::Shutdown {
                    call.close(Close::new(Close::RESTART, "server.restart"));
                    // Twilio asks again, and whoever is there then goes on with the call.
                    break false;
                }
            }
            () = state.clock.wait(until) => call.tell(leg::Input::Tick),
        }
    };
    info!(call = call_sid, counts = ?call.leg.counts(), "a phone call is over");
    drop(arrivals);
    forget(&state, &call_sid, ended);
}

fn forget(state: &State, call_sid: &str, ended: bool) {
    if let Some(phones) = &state.phones {
        phones.over(state.clock.unix_ms() / 1000, call_sid, ended);
    }
}

/// What becomes of a call once all is done for now.
enum Settled {
    Until(Option<Time>),
    /// It is over; whether that was the agent's doing, so that Twilio hangs up.
    Ended(bool),
}

struct Call {
    state: Arc<State>,
    leg: Leg,
    upstream: Upstream,
    /// The stream there is.
    stream: Option<Stream>,
    last: u32,
    /// The agent was asked to speak first.
    greeted: bool,
    /// A response is being made, or was asked for.
    responds: bool,
    /// A key was pressed meanwhile, and is to be answered then.
    owes_key: bool,
    inbox: Inbox,
    room: Arc<Notify>,
    slot: Arc<OwnedSemaphorePermit>,
}

struct Stream {
    conn: Conn,
    sid: String,
    link: Link,
}

impl Call {
    fn new(
        state: Arc<State>,
        call_sid: &str,
        agent: &str,
        slot: OwnedSemaphorePermit,
        inbox: Inbox,
    ) -> Result<Self, getrandom::Error> {
        let seed = getrandom::u64()?;
        let session_id = state.tokens.id("sess");
        let config = leg::Config {
            // What every upstream takes.
            hears: Codec::Pcm24k,
            window: state.config.resume_window.max(SHORTEST_WINDOW),
            ..leg::Config::default()
        };
        Ok(Self {
            leg: Leg::new(state.clock.now().since_start(), call_sid, &config),
            upstream: Upstream::open(&state, agent, &session_id, agent, seed),
            stream: None,
            last: 0,
            greeted: false,
            responds: false,
            owes_key: false,
            inbox,
            room: Arc::default(),
            slot: Arc::new(slot),
            state,
        })
    }

    /// Takes up a stream; an earlier one is let go of.
    fn attach(&mut self, arrived: Arrived) {
        let Event::Start(start) = &arrived.message.event else {
            return;
        };
        self.close(Close::new(Close::NORMAL, "stream.superseded"));
        self.last += 1;
        let conn = Conn(self.last);
        let ties = Ties {
            inbox: self.inbox.clone(),
            room: Arc::clone(&self.room),
            slot: Some(Arc::clone(&self.slot)),
            metrics: Arc::clone(&self.state.metrics),
        };
        let client = (Protocol::Plain, arrived.sender);
        let clock = self.state.clock;
        let link = Link::start(conn, arrived.socket, client, ties, clock, Limits::default());
        let sid = start.stream_sid.clone();
        self.stream = Some(Stream { conn, sid, link });
        self.tell(leg::Input::Twilio(&arrived.message));
        if !std::mem::replace(&mut self.greeted, true) {
            self.ask_for_answer();
        }
    }

    /// Passes on what came over a stream.
    fn heard(&mut self, conn: Conn, heard: &Heard) {
        if self
            .stream
            .as_ref()
            .is_none_or(|stream| stream.conn != conn)
        {
            return;
        }
        match heard {
            Heard::Text(text) => match Message::read(text.as_str()) {
                Ok(message) => self.tell(leg::Input::Twilio(&message)),
                Err(error) => debug!(%error, "a message of Twilio's is passed over"),
            },
            Heard::Ping | Heard::Pong => {}
            Heard::Binary(_) | Heard::TooBig => {
                self.close(Close::new(Close::UNSUPPORTED, "stream.not_understood"));
            }
            Heard::Closed(close) => {
                self.state.metrics.closed_there(close.as_ref());
                self.gone();
            }
        }
    }

    /// The stream there was is gone.
    fn gone(&mut self) {
        if let Some(stream) = self.stream.take() {
            self.tell(leg::Input::Gone(&stream.sid));
        }
    }

    /// Closes the stream there is.
    fn close(&mut self, close: Close) {
        if let Some(mut stream) = self.stream.take() {
            // One that takes no more is dropped with what it was told.
            let _ = stream.link.close(close);
            self.tell(leg::Input::Gone(&stream.sid));
        }
    }

    fn tell(&mut self, input: leg::Input<'_>) {
        self.leg.handle(self.state.clock.now().since_start(), input);
    }

    /// Whether there is room for more of what the agent says.
    fn takes_upstream(&self) -> bool {
        let is_backed_up = |stream: &Stream| stream.link.is_backed_up();
        self.leg.unheard().as_secs() < MOST_UNHEARD
            && !self.stream.as_ref().is_some_and(is_backed_up)
    }

    /// Does what there is to do until leg and upstream both wait.
    fn settle(&mut self) -> Settled {
        loop {
            while let Some(output) = self.leg.poll() {
                if let leg::Output::Ended(ended) = output {
                    self.close(Close::new(Close::NORMAL, "call.ended"));
                    return Settled::Ended(ended == leg::Ended::Upstream);
                }
                self.carry_out(output);
            }
            let due = self.leg.deadline().map(Time::from_start);
            if !self.takes_upstream() {
                return Settled::Until(due);
            }
            self.upstream.advance(self.state.clock.now());
            match self.upstream.poll() {
                upstream::Output::Event(event) => self.said(&event),
                upstream::Output::Ended(close) => {
                    debug!(?close, "the agent of a phone call is gone");
                    self.upstream = Upstream::Over;
                    self.tell(leg::Input::Upstream(leg::Upstream::End));
                }
                upstream::Output::Wait(until) => {
                    return Settled::Until(match (due, until) {
                        (Some(one), Some(other)) => Some(one.min(other)),
                        (one, other) => one.or(other),
                    });
                }
            }
        }
    }

    /// Tells the leg what the upstream says, of what matters to it.
    fn said(&mut self, event: &ServerEvent) {
        match event {
            ServerEvent::ResponseCreated(_) => {
                self.responds = true;
                self.tell(leg::Input::Upstream(leg::Upstream::ResponseStarted));
            }
            ServerEvent::OutputAudioDelta(delta) => match decode_pcm16(&delta.delta) {
                Ok(samples) => self.tell(leg::Input::Upstream(leg::Upstream::Audio {
                    item_id: &delta.item_id,
                    content_index: delta.content_index,
                    audio: &Audio::Pcm24k(samples),
                })),
                Err(error) => debug!(%error, "a piece of the agent's audio is passed over"),
            },
            ServerEvent::ResponseDone(_) => {
                self.responds = false;
                self.tell(leg::Input::Upstream(leg::Upstream::ResponseDone));
                self.answer_key();
            }
            ServerEvent::SpeechStarted(_) => {
                self.tell(leg::Input::Upstream(leg::Upstream::SpeechStarted));
            }
            ServerEvent::Error(error) => {
                debug!("the agent refuses something");
                // It may be what was asked for; then nothing is being made.
                if error.error.event_id.as_deref() == Some(OUR_ASK) {
                    self.responds = false;
                }
            }
            _ => {}
        }
    }

    fn carry_out(&mut self, output: leg::Output) {
        match output {
            leg::Output::Audio(Audio::Pcm24k(samples)) => {
                let bytes: Vec<u8> = samples.iter().flat_map(|it| it.to_le_bytes()).collect();
                self.upstream.hear(self.state.clock.now(), &bytes);
            }
            leg::Output::Request(leg::Request::Cancel) => self.ask(ResponseCancel::default()),
            leg::Output::Request(leg::Request::Truncate {
                item_id,
                content_index,
                audio_end_ms,
            }) => self.ask(ConversationItemTruncate {
                item_id,
                content_index,
                audio_end_ms,
                ..ConversationItemTruncate::default()
            }),
            leg::Output::Request(leg::Request::Text(text)) => {
                let part = ContentPart::input_text(&text);
                let mut item = Item::message("", "user", "completed", part);
                item.status = None;
                self.ask(ConversationItemCreate {
                    item,
                    ..ConversationItemCreate::default()
                });
                // A key has no end of a turn that the agent could wait for.
                self.owes_key = true;
                self.answer_key();
            }
            leg::Output::Send(sid, command) => {
                let Some(stream) = self.stream.as_mut().filter(|stream| *stream.sid == *sid) else {
                    return;
                };
                if stream
                    .link
                    .send(Frame::Text(command.to_json(&sid)))
                    .is_err()
                {
                    self.gone();
                }
            }
            // The leg was asked for PCM; its end is for the loop.
            leg::Output::Audio(Audio::Mulaw(_)) | leg::Output::Ended(_) => {}
        }
    }

    /// Asks for an answer to a key, unless one is being made.
    fn answer_key(&mut self) {
        if self.owes_key && !self.responds {
            self.owes_key = false;
            self.ask_for_answer();
        }
    }

    fn ask_for_answer(&mut self) {
        self.responds = true;
        let event = Envelope {
            event_id: Some(OUR_ASK.to_owned()),
            ..ResponseCreate::default().into()
        };
        self.upstream.handle(self.state.clock.now(), event);
    }

    fn ask(&mut self, event: impl Into<ClientEvent>) {
        let event = event.into().into();
        self.upstream.handle(self.state.clock.now(), event);
    }
}
