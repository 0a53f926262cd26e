//! What the browser shows when it comes back from the provider: one small page that looks like the
//! app, with nothing from elsewhere.

/// The texts of the page, in the user's language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    /// The language, as in `en` (BCP 47).
    pub language: String,
    /// What the user is told when it worked, and what to do with the page.
    pub done: Text,
    /// The same where the user, or the provider, refused.
    pub denied: Text,
    /// The same where something went wrong.
    pub failed: Text,
}

/// A headline and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The headline.
    pub title: String,
    /// The sentence.
    pub body: String,
}

impl Text {
    fn new(title: &str, body: &str) -> Self {
        Self {
            title: title.to_owned(),
            body: body.to_owned(),
        }
    }
}

impl Default for Texts {
    /// In English.
    fn default() -> Self {
        Self {
            language: "en".to_owned(),
            done: Text::new(
                "You are signed in",
                "You can close this page and go back to Offhook.",
            ),
            denied: Text::new(
                "You are not signed in",
                "Access was refused. You can close this page and try again in Offhook.",
            ),
            failed: Text::new(
                "Signing in did not work",
                "You can close this page; Offhook says what went wrong.",
            ),
        }
    }
}

/// What became of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Denied,
    Failed,
}

/// The page for an outcome.
pub(crate) fn page(texts: &Texts, outcome: Outcome) -> String {
    let (Text { title, body }, tone, mark) = match outcome {
        Outcome::Done => (&texts.done, "good", "M5 13l4 4L19 7"),
        Outcome::Denied => (&texts.denied, "bad", "M6 6l12 12M18 6L6 18"),
        Outcome::Failed => (&texts.failed, "bad", "M12 6v8M12 18v.01"),
    };
    let (language, title, body) = (escaped(&texts.language), escaped(title), escaped(body));
    format!(
        r##"<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title} · Offhook</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
</head>
<body>
<main class="{tone}">
<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{mark}"/></svg>
<h1>{title}</h1>
<p>{body}</p>
</main>
</body>
</html>
"##
    )
}

/// The app's colours, from its own style sheet.
const STYLE: &str = "\
:root{color-scheme:light dark;--bg:light-dark(#f3f5f4,#131716);--surface:light-dark(#fff,#1d2321);\
--hairline:light-dark(#d5dbd8,#323b38);--text:light-dark(#161b19,#eef2f0);\
--muted:light-dark(#525b57,#a9b4af);--good:light-dark(#0b6b58,#5fd3b3);\
--good-soft:light-dark(#d8eee7,#173a31);--bad:light-dark(#b4261c,#ff9b90);\
--bad-soft:light-dark(#fbe6e3,#41201d)}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;background:var(--bg);\
color:var(--text);font:1rem/1.5 system-ui,-apple-system,'Segoe UI',Roboto,Cantarell,'Noto Sans',\
sans-serif}\
main{width:min(26rem,100%);padding:2.5rem 2rem;text-align:center;background:var(--surface);\
border:1px solid var(--hairline);border-radius:.75rem}\
svg{width:3.5rem;padding:.875rem;border-radius:99rem;fill:none;stroke-width:2.5;\
stroke-linecap:round;stroke-linejoin:round}\
.good svg{background:var(--good-soft);stroke:var(--good)}\
.bad svg{background:var(--bad-soft);stroke:var(--bad)}\
h1{margin:1rem 0 .5rem;font-size:1.375rem;line-height:1.25}\
p{margin:0;color:var(--muted);text-wrap:balance}";

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_its_page_and_texts_cannot_break_it() {
        let mut texts = Texts::default();
        texts.denied.body = "<script>alert(1)</script> & \"more\"".to_owned();
        let done = page(&texts, Outcome::Done);
        assert!(done.contains("You can close this page"), "{done}");
        assert!(done.contains(r#"<html lang="en">"#));
        let denied = page(&texts, Outcome::Denied);
        assert!(!denied.contains("<script>"), "{denied}");
        assert!(denied.contains("&lt;script&gt;alert(1)"), "{denied}");
        for page in [done, denied, page(&texts, Outcome::Failed)] {
            assert!(
                !page.contains("http"),
                "nothing comes from elsewhere: {page}"
            );
        }
    }
}
