//! What a client sends.

use alloc::string::String;

use serde_json::Value;

use super::{Fields, Item};

super::event::events! {
    /// An event from the client.
    ClientEvent {
        /// Changes the session's settings; fields left out stay.
        "session.update" => SessionUpdate {
            /// The fields to change.
            session: Fields,
        }
        /// Adds audio to the input buffer.
        "input_audio_buffer.append" => InputAudioBufferAppend {
            /// Base64; PCM16 24 kHz mono unless the session says otherwise.
            audio: String,
        }
        /// Makes the input buffer a user message.
        "input_audio_buffer.commit" => InputAudioBufferCommit {}
        /// Empties the input buffer.
        "input_audio_buffer.clear" => InputAudioBufferClear {}
        /// Adds an item to the conversation.
        "conversation.item.create" => ConversationItemCreate {
            /// The item to put it after; the last one if absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            previous_item_id: Option<String>,
            /// The item.
            item: Item,
        }
        /// Tells the server how much of an item's audio was heard.
        "conversation.item.truncate" => ConversationItemTruncate {
            /// The assistant's message.
            item_id: String,
            /// Its audio part.
            content_index: u32,
            /// What was heard, in ms; not more than there is.
            audio_end_ms: u64,
        }
        /// Removes an item from the conversation.
        "conversation.item.delete" => ConversationItemDelete {
            /// The item.
            item_id: String,
        }
        /// Asks for an item as the server has it.
        "conversation.item.retrieve" => ConversationItemRetrieve {
            /// The item.
            item_id: String,
        }
        /// Asks for an answer now.
        "response.create" => ResponseCreate {
            /// Settings of this one response.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            response: Option<Value>,
        }
        /// Stops the answer in progress.
        "response.cancel" => ResponseCancel {
            /// The response; the one in progress if absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            response_id: Option<String>,
        }
        /// `offhook.v1`: asks for a pong, to measure the round trip.
        "offhook.ping" => Ping {
            /// The client's clock in ms, returned as it is.
            t: u64,
        }
        /// `offhook.v1`: the client hangs up; nothing more follows.
        "offhook.bye" => Bye {
            /// Why, as a code.
            reason: String,
        }
    }
}
