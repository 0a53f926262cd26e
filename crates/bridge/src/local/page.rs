//! The issuer's pages, for a person with a browser: one question each, no script.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, digest};

use super::ticket::Ticket;

/// How all of them look.
const STYLE: &str = include_str!("page.css");

/// What a form asks besides a name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ask<'a> {
    /// Nothing.
    Name,
    /// The code that a device shows, which may be known already.
    DeviceCode(&'a str),
}

/// A page with a form that comes back with a ticket.
pub(super) struct Form<'a> {
    pub(super) action: &'static str,
    pub(super) ask: Ask<'a>,
    pub(super) ticket: &'a Ticket,
    /// What was wrong with the last answer.
    pub(super) fault: Option<&'a str>,
    /// Where the browser may be sent when it is answered.
    pub(super) leads_to: Option<&'a str>,
}

impl IntoResponse for Form<'_> {
    fn into_response(self) -> Response {
        let fault = self.fault.map_or_else(String::new, |fault| {
            format!("<p class=\"fault\" role=\"alert\">{}</p>", escaped(fault))
        });
        let code = match self.ask {
            Ask::Name => String::new(),
            Ask::DeviceCode(code) => format!(
                "<label for=\"user_code\">Code on the device</label>\
                 <input id=\"user_code\" name=\"user_code\" value=\"{}\" required \
                 autocapitalize=\"characters\" autocomplete=\"off\" spellcheck=\"false\">",
                escaped(code)
            ),
        };
        let cancel = match self.ask {
            Ask::Name => {
                "<button name=\"action\" value=\"cancel\" class=\"quiet\" formnovalidate>Cancel</button>"
            }
            Ask::DeviceCode(_) => "",
        };
        let body = format!(
            "<h1>Sign in</h1>\
             <p>This is a bridge for development on this machine. Any name will do; there is no \
             password.</p>{fault}\
             <form method=\"post\" action=\"{}\">{code}\
             <label for=\"name\">Your name</label>\
             <input id=\"name\" name=\"name\" required maxlength=\"64\" autocomplete=\"username\" autofocus>\
             <input type=\"hidden\" name=\"ticket\" value=\"{}\">\
             <div class=\"row\"><button name=\"action\" value=\"sign_in\">Sign in</button>{cancel}</div>\
             </form>",
            self.action,
            escaped(&self.ticket.text),
        );
        let status = if self.fault.is_some() {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::OK
        };
        let mut response = page(status, &body, self.leads_to);
        let (name, value) = self.ticket.cookie.clone();
        response.headers_mut().insert(name, value);
        response
    }
}

/// A page that says something.
pub(super) fn said(status: StatusCode, title: &str, text: &str) -> Response {
    let body = format!("<h1>{}</h1><p>{}</p>", escaped(title), escaped(text));
    page(status, &body, None)
}

fn page(status: StatusCode, body: &str, leads_to: Option<&str>) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Sign in – Offhook bridge</title><style>{STYLE}</style></head>\
         <body><main>{body}</main></body></html>"
    );
    let style = BASE64_STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    // Browsers apply the rule for forms to where an answer sends them, too.
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; \
         frame-ancestors 'none'; form-action 'self' {}",
        leads_to.unwrap_or_default()
    );
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: &str| {
        let value = HeaderValue::from_str(value);
        headers.insert(name, value.unwrap_or(HeaderValue::from_static("")));
    };
    set(header::CONTENT_SECURITY_POLICY, policy.trim_end());
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::CACHE_CONTROL, "no-store");
    (status, headers, Html(html)).into_response()
}

/// A text as it has to be written into a page.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_shown_becomes_part_of_the_page() {
        let text = "<script>\"&'";
        assert_eq!(escaped(text), "&lt;script&gt;&quot;&amp;&#39;");
    }
}
