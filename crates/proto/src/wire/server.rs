//! What a server sends.

use alloc::string::String;
use alloc::vec::Vec;

use super::{ContentPart, ErrorDetail, Fields, Item, Response};

super::event::events! {
    /// An event from the server.
    ServerEvent {
        /// Something went wrong; most errors leave the session usable.
        "error" => Error {
            /// What.
            error: ErrorDetail,
        }
        /// The session is open; the first event of the OpenAI API.
        "session.created" => SessionCreated {
            /// The session as it is.
            session: Fields,
        }
        /// The session was changed.
        "session.updated" => SessionUpdated {
            /// The session as it is.
            session: Fields,
        }
        /// An item joined the conversation.
        "conversation.item.added" => ConversationItemAdded {
            /// The item before it; null for the first.
            #[serde(default)]
            previous_item_id: Option<String>,
            /// The item.
            item: Item,
        }
        /// An item is final.
        "conversation.item.done" => ConversationItemDone {
            /// The item before it; null for the first.
            #[serde(default)]
            previous_item_id: Option<String>,
            /// The item.
            item: Item,
        }
        /// An item, as asked for.
        "conversation.item.retrieved" => ConversationItemRetrieved {
            /// The item.
            item: Item,
        }
        /// An item was cut to what was heard.
        "conversation.item.truncated" => ConversationItemTruncated {
            /// The item.
            item_id: String,
            /// Its audio part.
            content_index: u32,
            /// What is left, in ms.
            audio_end_ms: u64,
        }
        /// An item was removed.
        "conversation.item.deleted" => ConversationItemDeleted {
            /// The item.
            item_id: String,
        }
        /// More text of what the caller said.
        "conversation.item.input_audio_transcription.delta" => InputTranscriptionDelta {
            /// The caller's item.
            item_id: String,
            /// The text to append.
            #[serde(default)]
            delta: String,
        }
        /// What the caller said.
        "conversation.item.input_audio_transcription.completed" => InputTranscriptionCompleted {
            /// The caller's item.
            item_id: String,
            /// The whole text.
            transcript: String,
        }
        /// The input buffer became a user message.
        "input_audio_buffer.committed" => InputAudioBufferCommitted {
            /// The item before it; null for the first.
            #[serde(default)]
            previous_item_id: Option<String>,
            /// The new item.
            item_id: String,
        }
        /// The input buffer is empty.
        "input_audio_buffer.cleared" => InputAudioBufferCleared {}
        /// The caller began to speak.
        "input_audio_buffer.speech_started" => SpeechStarted {
            /// Where in all audio written to the buffer, in ms.
            audio_start_ms: u64,
            /// The item the speech will become.
            item_id: String,
        }
        /// The caller stopped speaking.
        "input_audio_buffer.speech_stopped" => SpeechStopped {
            /// Where in all audio written to the buffer, in ms.
            audio_end_ms: u64,
            /// The item the speech becomes.
            item_id: String,
        }
        /// An answer begins.
        "response.created" => ResponseCreated {
            /// The response.
            response: Response,
        }
        /// An answer is over, whatever its status.
        "response.done" => ResponseDone {
            /// The response, with its items but without audio.
            response: Response,
        }
        /// A response made an item.
        "response.output_item.added" => OutputItemAdded {
            /// The response.
            response_id: String,
            /// The item's place in it.
            output_index: u32,
            /// The item.
            item: Item,
        }
        /// A response's item is final.
        "response.output_item.done" => OutputItemDone {
            /// The response.
            response_id: String,
            /// The item's place in it.
            output_index: u32,
            /// The item.
            item: Item,
        }
        /// A part of a message begins.
        "response.content_part.added" => ContentPartAdded {
            /// The response.
            response_id: String,
            /// The message.
            item_id: String,
            /// The message's place in the response.
            output_index: u32,
            /// The part's place in the message.
            content_index: u32,
            /// The part.
            part: ContentPart,
        }
        /// A part of a message is final.
        "response.content_part.done" => ContentPartDone {
            /// The response.
            response_id: String,
            /// The message.
            item_id: String,
            /// The message's place in the response.
            output_index: u32,
            /// The part's place in the message.
            content_index: u32,
            /// The part.
            part: ContentPart,
        }
        /// More of the agent's voice.
        "response.output_audio.delta" => OutputAudioDelta {
            /// The response.
            response_id: String,
            /// The message.
            item_id: String,
            /// The message's place in the response.
            output_index: u32,
            /// The part's place in the message.
            content_index: u32,
            /// Base64; PCM16 24 kHz mono unless the session says otherwise.
            delta: String,
        }
        /// The agent's voice for this part is complete.
        "response.output_audio.done" => OutputAudioDone {
            /// The response.
            response_id: String,
            /// The message.
            item_id: String,
            /// The message's place in the response.
            output_index: u32,
            /// The part's place in the message.
            content_index: u32,
        }
        /// More of what the agent says, as text.
        "response.output_audio_transcript.delta" => OutputAudioTranscriptDelta {
            /// The response.
            response_id: String,
            /// The message.
            item_id: String,
            /// The message's place in the response.
            output_index: u32,
            /// The part's place in the message.
            content_index: u32,
            /// The text to append.
            delta: String,
        }
        /// What the agent said in this part, as text.
        "response.output_audio_transcript.done" => OutputAudioTranscriptDone {
            /// The response.
            response_id: String,
            /// The message.
            item_id: String,
            /// The message's place in the response.
            output_index: u32,
            /// The part's place in the message.
            content_index: u32,
            /// The whole text.
            transcript: String,
        }
        /// More of a written answer.
        "response.output_text.delta" => OutputTextDelta {
            /// The response.
            response_id: String,
            /// The message.
            item_id: String,
            /// The message's place in the response.
            output_index: u32,
            /// The part's place in the message.
            content_index: u32,
            /// The text to append.
            delta: String,
        }
        /// A written answer.
        "response.output_text.done" => OutputTextDone {
            /// The response.
            response_id: String,
            /// The message.
            item_id: String,
            /// The message's place in the response.
            output_index: u32,
            /// The part's place in the message.
            content_index: u32,
            /// The whole text.
            text: String,
        }
        /// `offhook.v1`: the first event of a connection, with what the client has to know.
        "offhook.hello" => Hello {
            /// In a call the server sends something at least this often, in ms.
            heartbeat_ms: u32,
            /// How long a dropped session is kept for the client to come back, in ms; 0 if it is
            /// not.
            resume_window_ms: u32,
            /// The largest message the server takes, in bytes.
            max_frame_bytes: u32,
            /// The server's clock, in ms since the Unix epoch.
            server_time: u64,
            /// The session.
            #[serde(default)]
            session_id: String,
            /// Names the life of the session that sequence numbers count in; another one means
            /// that the session is a new one.
            #[serde(default)]
            epoch: String,
            /// How often the session was attached to, this time included.
            #[serde(default)]
            generation: u32,
            /// When the connection's token expires, in s since the Unix epoch; none if it does not.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            expires_at: Option<u64>,
            /// When to send a fresh one, in ms from now; none if that is not needed.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            refresh_in_ms: Option<u32>,
            /// A client whose connection drops waits up to this long before it dials, in ms: so long
            /// that all of this server's clients would not arrive together; 250 if absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            reconnect_within_ms: Option<u32>,
            /// For DPoP proofs in `session.refresh` and `session.resume`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            nonce: Option<String>,
            /// What the server can do besides, by name.
            features: Vec<String>,
        }
        /// `offhook.v1`: a fresh token counts from now on.
        "session.refreshed" => SessionRefreshed {
            /// When it expires, in s since the Unix epoch.
            expires_at: u64,
            /// When to send the next one, in ms from now.
            refresh_in_ms: u32,
        }
        /// `offhook.v1`: a fresh token is wanted before its time.
        "session.refresh_required" => SessionRefreshRequired {
            /// Why, as a code.
            reason: String,
            /// How long the server waits for it, in ms.
            deadline_ms: u32,
        }
        /// `offhook.v1`: the session goes on where it stopped.
        "session.resumed" => SessionResumed {
            /// The session's epoch.
            epoch: String,
            /// How often the session was attached to, this time included.
            generation: u32,
            /// The highest client sequence number up to which nothing is missing.
            recv: u64,
            /// The highest client sequence number known to be consumed upstream.
            commit: u64,
            /// The first server sequence number that is repeated; one above `replay_to` if none is.
            replay_from: u64,
            /// The last.
            replay_to: u64,
        }
        /// `offhook.v1`: the session cannot go on where it stopped; a new one follows, or the
        /// connection is closed.
        "session.resume_failed" => SessionResumeFailed {
            /// `unknown_session`, `unknown_epoch`, `window_over` or `bad_sequence`.
            code: String,
        }
        /// `offhook.v1`: the session was ended by those who run the server.
        "session.revoked" => SessionRevoked {
            /// Why, as a code.
            reason: String,
        }
        /// `offhook.v1`: what has arrived; also the heartbeat.
        "offhook.ack" => Ack {
            /// The highest client sequence number up to which nothing is missing.
            up_to: u64,
            /// The highest client sequence number known to be consumed upstream.
            #[serde(default)]
            commit: u64,
            /// What the hello said of it, where that has changed.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            reconnect_within_ms: Option<u32>,
        }
        /// `offhook.v1`: the server will close; come back then.
        "offhook.go_away" => GoAway {
            /// Why, as a code.
            reason: String,
            /// When the connection will be closed, in ms from now.
            deadline_ms: u32,
            /// When to connect anew, in ms from now; drawn for each client.
            reconnect_after_ms: u32,
            /// Where to; the same server if absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            resume_url: Option<String>,
        }
        /// `offhook.v1`: audio that was lost on its way.
        "offhook.gap" => Gap {
            /// `input` (the caller's) or `output` (the agent's).
            direction: String,
            /// Where the loss begins: in all audio captured, or in the item, in ms.
            from_ms: u64,
            /// Where it ends.
            to_ms: u64,
            /// Why, as a code.
            reason: String,
        }
        /// `offhook.v1`: how the server's own upstream is doing.
        "offhook.upstream" => Upstream {
            /// `up`, `reconnecting` or `down`.
            state: String,
        }
        /// `offhook.v1.bin`: what a stream number in the audio frames that follow stands for.
        "offhook.stream" => Stream {
            /// The number.
            stream: u16,
            /// The response.
            response_id: String,
            /// The message.
            item_id: String,
            /// The message's place in the response.
            output_index: u32,
            /// The part's place in the message.
            content_index: u32,
            /// `pcm16`.
            codec: String,
            /// In Hz.
            rate: u32,
        }
        /// `offhook.v1`: the answer to a ping.
        "offhook.pong" => Pong {
            /// The ping's `t`.
            t: u64,
            /// The server's clock, in ms since the Unix epoch.
            server_time: u64,
        }
    }
}

impl ServerEvent {
    /// Whether this is about the connection it comes over and means nothing to the next one. Such
    /// an event has no sequence number and is not repeated.
    #[must_use]
    pub const fn is_of_connection(&self) -> bool {
        matches!(
            self,
            Self::Hello(_)
                | Self::SessionRefreshed(_)
                | Self::SessionRefreshRequired(_)
                | Self::SessionResumed(_)
                | Self::SessionResumeFailed(_)
                | Self::SessionRevoked(_)
                | Self::Ack(_)
                | Self::GoAway(_)
                | Self::Pong(_)
        )
    }
}
