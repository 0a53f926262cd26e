//! A person with a browser, signing in at the local issuer.

use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response};
use url::Url;

use crate::rig::in_time;

/// A browser without pictures.
pub(crate) struct Browser {
    http: reqwest::Client,
}

/// A page with a form.
pub(crate) struct Page {
    pub(crate) html: String,
    pub(crate) cookie: String,
}

impl Browser {
    pub(crate) fn new() -> Self {
        let builder = reqwest::Client::builder().no_proxy();
        Self {
            http: builder.redirect(Policy::none()).build().unwrap(),
        }
    }

    pub(crate) async fn get(&self, url: &str) -> Response {
        in_time(self.http.get(url).send()).await.unwrap()
    }

    /// A page that can be answered.
    pub(crate) async fn page(&self, url: &str) -> Page {
        let response = self.get(url).await;
        assert_eq!(response.status(), 200);
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let html = response.text().await.unwrap();
        Page { html, cookie }
    }

    /// The answer to a page, ready to be sent.
    pub(crate) fn answer(&self, url: &str, page: &Page, fields: &[(&str, &str)]) -> RequestBuilder {
        let mut form = vec![("ticket", page.ticket())];
        form.extend_from_slice(fields);
        self.post(url, &form).header("cookie", &page.cookie)
    }

    /// A form, ready to be sent.
    pub(crate) fn post(&self, url: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let mut form = Url::parse("http://form.example").unwrap();
        form.query_pairs_mut().extend_pairs(fields);
        self.http
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.query().unwrap().to_owned())
    }
}

impl Page {
    pub(crate) fn ticket(&self) -> &str {
        let (_, rest) = self.html.split_once("name=\"ticket\" value=\"").unwrap();
        rest.split_once('"').unwrap().0
    }
}

/// What a redirect says.
pub(crate) fn said(response: &Response, name: &str) -> Option<String> {
    let location = response.headers()["location"].to_str().unwrap();
    let location = Url::parse(location).unwrap();
    let mut pairs = location.query_pairs();
    pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
}
