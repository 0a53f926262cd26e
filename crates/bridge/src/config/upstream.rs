//! Who answers for an agent: a server of the OpenAI Realtime API, and how it is spoken to.

use std::path::PathBuf;

use offhook_client::{Credential, Endpoint};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::secret::{Place, read};

/// A session of the OpenAI API lives for an hour, and the bridge waits for up to four minutes for a
/// moment when nobody speaks before it moves on; in s.
const LATEST: u64 = 56 * 60;
/// When it moves on unless told otherwise, in s.
const ROTATE_AFTER: u64 = 55 * 60;

/// A server of the OpenAI Realtime API (GA, WebSocket) that answers for an agent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamConfig {
    /// Its base (`https://api.openai.com`, `https://name.openai.azure.com/openai`), or the full
    /// address of its realtime API.
    pub url: String,
    /// The model that is asked for there.
    pub model: String,
    /// How the key is shown.
    #[serde(default)]
    pub auth: UpstreamAuth,
    /// The environment variable that holds the key.
    #[serde(default)]
    pub key_env: Option<String>,
    /// Or the file that holds the key and nothing else.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// The session's settings, as in `session.update`. What is set here clients cannot change,
    /// unless it is named below.
    #[serde(default)]
    pub session: Map<String, Value>,
    /// Settings from above that clients may change nevertheless, as in `instructions` or
    /// `audio.output.voice`.
    #[serde(default)]
    pub overridable: Vec<String>,
    /// A new session takes over after this long, in s, at the next moment when nobody speaks; 3300
    /// if not given, and 3360 at most, as sessions there end after an hour.
    #[serde(default = "rotate_after")]
    pub rotate_after: u64,
}

/// How a key is shown to an upstream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpstreamAuth {
    /// `Authorization: Bearer`, as OpenAI has it.
    #[default]
    Bearer,
    /// A header `api-key`, as Azure OpenAI has it.
    ApiKey,
}

const fn rotate_after() -> u64 {
    ROTATE_AFTER
}

impl UpstreamConfig {
    /// The model of this name at a server, whose key is in an environment variable.
    #[must_use]
    pub fn new(url: &str, model: &str, key_env: &str) -> Self {
        Self {
            url: url.to_owned(),
            model: model.to_owned(),
            auth: UpstreamAuth::Bearer,
            key_env: Some(key_env.to_owned()),
            key_file: None,
            session: Map::new(),
            overridable: Vec::new(),
            rotate_after: ROTATE_AFTER,
        }
    }

    /// Where sessions are opened, and with what.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, String> {
        let key = self.key()?;
        let credential = match self.auth {
            UpstreamAuth::Bearer => Credential::Key(key),
            UpstreamAuth::ApiKey => Credential::ApiKey(key),
        };
        Endpoint::new(&self.url, credential)
            .map_err(|error| format!("its address {:?} cannot be called: {error}", self.url))
    }

    /// What is wrong with it, apart from its key, which is only looked for when it is needed.
    pub(super) fn fault(&self) -> Option<String> {
        if self.model.trim().is_empty() {
            return Some("its upstream has no model".to_owned());
        }
        if !(1..=LATEST).contains(&self.rotate_after) {
            let asked = self.rotate_after;
            return Some(format!(
                "its upstream's session cannot be replaced after {asked} s: 1 to {LATEST} s make sense"
            ));
        }
        if !speaks_pcm(&self.session) {
            let why =
                "its upstream's session is not in \"audio/pcm\" at 24000 Hz, the one format here";
            return Some(why.to_owned());
        }
        let missing = |path: &&String| at(&self.session, path).is_none();
        if let Some(path) = self.overridable.iter().find(missing) {
            return Some(format!(
                "{path:?} may be overridden, but is not among its session's settings"
            ));
        }
        self.place().err()
    }

    fn key(&self) -> Result<SecretString, String> {
        self.place().and_then(|place| read("key", &place))
    }

    fn place(&self) -> Result<Place<'_>, String> {
        let (env, file) = (&self.key_env, &self.key_file);
        Place::of(env.as_deref(), file.as_deref())
            .ok_or_else(|| "exactly one of key_env and key_file says where its key is".to_owned())
    }
}

/// Whether settings leave all audio in the one format that is taken here.
pub(crate) fn speaks_pcm(settings: &Map<String, Value>) -> bool {
    let format = |side: &str| settings.get("audio")?.get(side)?.get("format");
    let formats = ["input", "output"].into_iter().filter_map(format);
    formats.into_iter().all(is_pcm)
}

fn is_pcm(format: &Value) -> bool {
    let rate = format.get("rate");
    format.get("type").and_then(Value::as_str) == Some("audio/pcm")
        && rate.is_none_or(|rate| rate.as_u64() == Some(24_000))
}

/// What settings hold at a path, as in `audio.output.voice`.
fn at<'a>(settings: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut steps = path.split('.');
    let first = settings.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.get(step))
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use secrecy::ExposeSecret as _;

    use super::*;

    fn config(json: &str) -> UpstreamConfig {
        serde_json::from_str(json).expect("it is well-formed")
    }

    #[test]
    fn what_cannot_work_is_named() {
        let fault = |more: &str| {
            config(&format!(
                r#"{{"url":"https://api.example","model":"m"{more}}}"#
            ))
            .fault()
            .unwrap_or_default()
        };
        assert_eq!(fault(r#","key_env":"KEY""#), "");
        assert_eq!(
            fault(
                r#","key_env":"KEY","session":{"audio":{"output":{"voice":"a"}}},"overridable":["audio.output.voice"]"#
            ),
            ""
        );
        for (more, why) in [
            ("", "exactly one of key_env and key_file"),
            (r#","key_env":"A","key_file":"b""#, "exactly one of"),
            (r#","key_env":"A","rotate_after":3600"#, "3600 s"),
            (r#","key_env":"A","overridable":["tools"]"#, "\"tools\""),
        ] {
            assert!(fault(more).contains(why), "{more}: {}", fault(more));
        }
    }

    #[test]
    fn the_key_is_read_where_it_is_said_to_be() {
        let folder = env::temp_dir().join(format!("offhook-upstream-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("the folder can be made");
        let file = folder.join("key");
        fs::write(&file, " sk-1\n").expect("the file can be written");
        let mut config = UpstreamConfig {
            key_env: None,
            key_file: Some(file.clone()),
            auth: UpstreamAuth::ApiKey,
            ..UpstreamConfig::new("https://name.openai.azure.com/openai", "gpt", "")
        };
        let endpoint = config.endpoint().expect("it can be called");
        let Credential::ApiKey(key) = endpoint.credential() else {
            panic!("{endpoint:?}");
        };
        assert_eq!(key.expose_secret(), "sk-1");
        fs::write(&file, "\n").expect("the file can be written");
        assert!(config.endpoint().unwrap_err().contains("is empty"));
        fs::remove_dir_all(&folder).expect("the folder can be removed");
        assert!(config.endpoint().unwrap_err().contains("cannot be read"));
        config.key_file = None;
        config.key_env = Some("OFFHOOK_NO_SUCH_VARIABLE".to_owned());
        assert!(config.endpoint().unwrap_err().contains("OFFHOOK_NO_SUCH"));
    }
}
