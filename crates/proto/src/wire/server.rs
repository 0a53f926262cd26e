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
        /// `offhook.v1`: the first event, with what the client has to know.
        "offhook.hello" => Hello {
            /// In a call the server sends something at least this often, in ms.
            heartbeat_ms: u32,
            /// How long a dropped session is kept for the client to come back, in ms.
            resume_window_ms: u32,
            /// The largest message the server takes, in bytes.
            max_frame_bytes: u32,
            /// The server's clock, in ms since the Unix epoch.
            server_time: u64,
            /// What the server can do besides, by name.
            features: Vec<String>,
        }
        /// `offhook.v1`: what has arrived; also the heartbeat.
        "offhook.ack" => Ack {
            /// The highest client sequence number up to which nothing is missing.
            up_to: u64,
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
