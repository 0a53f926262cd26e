//! One declaration an event: its struct, its variant, its place in the decoder.

use alloc::string::String;

use super::Fields;

/// An event of a type that is not known here, kept as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Other {
    /// The event's `type`.
    pub kind: String,
    /// Everything else.
    pub fields: Fields,
}

/// Declares an enum of events with one struct each; see `client.rs` for its use.
///
/// Every struct has a last field `extra` for what the declaration does not name, so an event that
/// came in goes out again whole.
macro_rules! events {
    (
        $(#[$enum_doc:meta])*
        $Enum:ident {
            $(
                $(#[$doc:meta])*
                $tag:literal => $Event:ident {
                    $( $(#[$field_attr:meta])* $field:ident: $Type:ty, )*
                }
            )*
        }
    ) => {
        $(#[$enum_doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum $Enum {
            $( $(#[$doc])* $Event($Event), )*
            /// Any other type, untouched.
            Other($crate::wire::Other),
        }

        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
            pub struct $Event {
                $( $(#[$field_attr])* pub $field: $Type, )*
                /// Fields not named here, kept as they came.
                #[serde(flatten)]
                pub extra: $crate::wire::Fields,
            }

            impl From<$Event> for $Enum {
                fn from(event: $Event) -> Self {
                    Self::$Event(event)
                }
            }

            impl From<$Event> for $crate::wire::Envelope<$Enum> {
                fn from(event: $Event) -> Self {
                    $Enum::from(event).into()
                }
            }
        )*

        impl $Enum {
            /// Every type known here, as the wire names it.
            pub const TYPES: &[&str] = &[$($tag),*];

            /// The event's `type`.
            #[must_use]
            pub fn kind(&self) -> &str {
                match self {
                    $( Self::$Event(_) => $tag, )*
                    Self::Other(other) => &other.kind,
                }
            }
        }

        impl $crate::wire::envelope::Event for $Enum {
            fn decode(kind: &str, text: &str) -> Result<Self, serde_json::Error> {
                match kind {
                    $(
                        $tag => {
                            let mut event: $Event = serde_json::from_str(text)?;
                            $crate::wire::envelope::strip(&mut event.extra);
                            Ok(Self::$Event(event))
                        }
                    )*
                    _ => {
                        let mut fields: $crate::wire::Fields = serde_json::from_str(text)?;
                        $crate::wire::envelope::strip(&mut fields);
                        Ok(Self::Other($crate::wire::Other { kind: kind.into(), fields }))
                    }
                }
            }

            fn encode(
                &self,
                envelope: $crate::wire::envelope::Head<'_>,
            ) -> Result<alloc::string::String, serde_json::Error> {
                match self {
                    $( Self::$Event(event) => envelope.encode($tag, event), )*
                    Self::Other(other) => envelope.encode(&other.kind, &other.fields),
                }
            }
        }
    };
}

pub(super) use events;
