//! What a client sends.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Fields, Item, Token};

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
        /// `offhook.v1`: a fresh token for the connection, before the old one expires.
        "session.refresh" => SessionRefresh {
            /// The token.
            token: Token,
            /// A DPoP proof (RFC 9449) for the nonce of the hello, where the token is bound to a key.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            proof: Option<String>,
        }
        /// `offhook.v1`: the first event of a connection that takes a session up where it stopped.
        "session.resume" => SessionResume {
            /// The session, as its hello named it.
            session_id: String,
            /// The session's epoch, as its hello named it.
            epoch: String,
            /// The highest server sequence number up to which nothing is missing here.
            last_seq: u64,
            /// The sequence number that the client's next new event will have.
            next_seq: u64,
            /// How far the agent's latest speech was played.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            played: Vec<Played>,
            /// A DPoP proof (RFC 9449) for the nonce of the hello, where the token is bound to a key.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            proof: Option<String>,
        }
        /// `offhook.v1`: what has arrived.
        "offhook.ack" => Ack {
            /// The highest server sequence number up to which nothing is missing.
            up_to: u64,
        }
        /// `offhook.v1`: audio that will never come, as more was said than could be kept. Stands
        /// for the events from its own sequence number to `through`.
        "offhook.gap" => Gap {
            /// The last sequence number that is lost.
            through: u64,
            /// Where the loss begins in all audio captured, in ms.
            from_ms: u64,
            /// Where it ends.
            to_ms: u64,
            /// Why, as a code.
            reason: String,
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

impl ClientEvent {
    /// Whether this is about the connection it comes over and means nothing to the next one. Such
    /// an event has no sequence number and is not repeated.
    #[must_use]
    pub const fn is_of_connection(&self) -> bool {
        matches!(
            self,
            Self::SessionRefresh(_)
                | Self::SessionResume(_)
                | Self::Ack(_)
                | Self::Ping(_)
                | Self::Bye(_)
        )
    }
}

/// How much of an item's audio was played to the caller.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Played {
    /// The assistant's message.
    pub item_id: String,
    /// Its audio part.
    pub content_index: u32,
    /// What was heard, in ms.
    pub audio_end_ms: u64,
}
