//! The TwiML that answers Twilio's webhook: connect the call to a stream, or end it.
//!
//! After <https://www.twilio.com/docs/voice/twiml/stream>. Twilio never opens a stream again that
//! broke; it goes on with what follows `<Connect>`. So a redirect follows, back to the webhook, which
//! answers with the next stream while the call goes on and with [`hang_up`] once it is over.

use std::fmt::Write as _;

/// The most a parameter's name and value may have together, in characters.
pub const MAX_PARAMETER: usize = 499;

/// The answer that connects a call to a stream.
#[derive(Clone, Copy)]
pub struct Connect<'a> {
    /// Where Twilio connects to: `wss`, and without a query, which Twilio would strip.
    pub stream_url: &'a str,
    /// What [`Start::parameters`](crate::message::Start::parameters) will say. One may be a token.
    pub parameters: &'a [(&'a str, &'a str)],
    /// Where Twilio asks by POST what to do once the stream is over.
    pub redirect_url: &'a str,
}

impl Connect<'_> {
    /// The document, to be sent as `text/xml`.
    ///
    /// # Errors
    /// Where Twilio would not take it, or not as it is meant.
    pub fn to_xml(&self) -> Result<String, Unfit> {
        if !self.stream_url.starts_with("wss://") || self.stream_url.contains('?') {
            return Err(Unfit::StreamUrl);
        }
        let mut xml = format!(r#"{HEAD}<Response><Connect><Stream url=""#);
        escape(self.stream_url, &mut xml)?;
        xml.push_str("\">");
        for (name, value) in self.parameters {
            if name.chars().count() + value.chars().count() > MAX_PARAMETER {
                return Err(Unfit::Parameter);
            }
            xml.push_str("<Parameter name=\"");
            escape(name, &mut xml)?;
            xml.push_str("\" value=\"");
            escape(value, &mut xml)?;
            xml.push_str("\"/>");
        }
        xml.push_str("</Stream></Connect><Redirect method=\"POST\">");
        escape(self.redirect_url, &mut xml)?;
        xml.push_str("</Redirect></Response>");
        Ok(xml)
    }
}

/// The answer that ends a call.
#[must_use]
pub fn hang_up() -> String {
    format!("{HEAD}<Response><Hangup/></Response>")
}

/// Why an answer cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Twilio connects to `wss` only, and strips queries.
    #[error("the stream's URL is not a wss URL without a query, the only kind Twilio takes")]
    StreamUrl,
    /// Twilio does not take it.
    #[error("a parameter has more than {MAX_PARAMETER} characters, the most Twilio takes")]
    Parameter,
    /// XML has no way to write it.
    #[error("the answer has a control character in it, which XML cannot write")]
    Character,
}

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

/// Appends text so that it stands for itself, between tags and between double quotes. White space
/// other than blanks is written as a number: in attributes it would be read as blanks.
fn escape(text: &str, xml: &mut String) -> Result<(), Unfit> {
    for letter in text.chars() {
        match letter {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\'' => xml.push_str("&apos;"),
            '\t' | '\n' | '\r' => {
                write!(xml, "&#{};", u32::from(letter)).expect("strings take all that is written");
            }
            '\0'..' ' | '\u{FFFE}' | '\u{FFFF}' => return Err(Unfit::Character),
            _ => xml.push(letter),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECT: Connect<'_> = Connect {
        stream_url: "wss://phone.example/v1/twilio",
        parameters: &[],
        redirect_url: "https://phone.example/v1/twilio/voice",
    };

    #[test]
    fn a_call_is_connected_and_comes_back_afterwards() {
        let connect = Connect {
            parameters: &[("token", "ek_1"), ("agent", "front desk")],
            ..CONNECT
        };
        assert_eq!(
            connect.to_xml().as_deref(),
            Ok(concat!(
                r#"<?xml version="1.0" encoding="UTF-8"?>"#,
                r#"<Response><Connect><Stream url="wss://phone.example/v1/twilio">"#,
                r#"<Parameter name="token" value="ek_1"/>"#,
                r#"<Parameter name="agent" value="front desk"/>"#,
                r#"</Stream></Connect>"#,
                r#"<Redirect method="POST">https://phone.example/v1/twilio/voice</Redirect>"#,
                r#"</Response>"#
            ))
        );
    }

    #[test]
    fn nothing_said_becomes_markup() {
        let connect = Connect {
            parameters: &[("<a&b>", "\"'\n\té")],
            redirect_url: "https://phone.example/?a=1&b=</Redirect>",
            ..CONNECT
        };
        let xml = connect.to_xml().expect("all of it can be written");
        assert!(
            xml.contains(r#"<Parameter name="&lt;a&amp;b&gt;" value="&quot;&apos;&#10;&#9;é"/>"#)
        );
        assert!(
            xml.contains("?a=1&amp;b=&lt;/Redirect&gt;</Redirect>"),
            "{xml}"
        );
    }

    #[test]
    fn what_twilio_would_not_take_is_an_error() {
        for stream_url in [
            "https://phone.example/",
            "ws://phone.example/",
            "wss://a/?b=c",
        ] {
            let connect = Connect {
                stream_url,
                ..CONNECT
            };
            assert_eq!(connect.to_xml(), Err(Unfit::StreamUrl), "{stream_url}");
        }
        for (length, expected) in [
            (MAX_PARAMETER - 1, None),
            (MAX_PARAMETER, Some(Unfit::Parameter)),
        ] {
            let value = "é".repeat(length);
            let parameters = [("n", &*value)];
            let connect = Connect {
                parameters: &parameters,
                ..CONNECT
            };
            assert_eq!(connect.to_xml().err(), expected, "{length}");
        }
        for text in ["\0", "\u{1b}", "\u{FFFF}"] {
            let connect = Connect {
                parameters: &[("n", text)],
                ..CONNECT
            };
            assert_eq!(connect.to_xml(), Err(Unfit::Character));
        }
    }

    #[test]
    fn a_call_is_ended() {
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?><Response><Hangup/></Response>"#;
        assert_eq!(hang_up(), expected);
    }
}
