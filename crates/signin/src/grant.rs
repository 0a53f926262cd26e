//! What a sign-in came to, as it is kept in the vault: one entry, so that it is written as a whole.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use offhook_client::{KeyError, ProofKey};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// An access token that is closer to its end than this, or than a quarter of its life, is not used.
const FRESH: u64 = 30_000;
/// One that is closer to it than this, or than half of its life, is replaced before it is needed.
const STALE: u64 = 90_000;
/// Nothing that is kept is larger; written at once, so that no half of it stays in memory.
const CAPACITY: usize = 64 << 10;
/// The form of what is kept.
const VERSION: u32 = 1;

/// A user's sign-in at a provider. Shows no secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct Grant {
    version: u32,
    /// Where it was given, and to whom.
    pub client: Client,
    /// Who signed in.
    pub user: User,
    /// PKCS #8, in base64.
    #[serde(serialize_with = "expose")]
    key: SecretString,
    /// None once it is over, and where the provider gave none.
    #[serde(serialize_with = "expose_some")]
    refresh_token: Option<SecretString>,
    access: Option<Kept>,
    /// The write-ahead note: since when, in ms since the Unix epoch, the refresh token may have been
    /// used without an answer that arrived. None where it certainly was not.
    in_use_since: Option<u64>,
    /// How often the tokens were replaced.
    rotation: u64,
    /// Whether the provider has said that it is over.
    #[serde(default)]
    over: bool,
}

/// Who signs users in, and as what this program is known there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// The provider's issuer identifier (OpenID Connect Discovery 1.0 section 3).
    pub issuer: String,
    /// This program's name there.
    pub client_id: String,
    /// What is asked for besides `openid`.
    pub scopes: Vec<String>,
    /// What the access tokens are for (RFC 8707), where the provider wants to know.
    pub resource: Option<String>,
}

/// Who signed in, as the provider says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The provider's identifier for the user (`sub`).
    pub subject: String,
    /// The name, if the provider tells it.
    pub name: Option<String>,
    /// The address, if the provider tells it.
    pub email: Option<String>,
}

/// An access token.
#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    #[serde(serialize_with = "expose")]
    token: SecretString,
    bound: bool,
    /// In ms since the Unix epoch.
    given_at: u64,
    /// In ms since the Unix epoch.
    expires_at: u64,
}

/// What a provider gives, at first or for a refresh token.
pub struct Refreshed {
    /// For calls.
    pub access_token: SecretString,
    /// Whether that is bound to the key (`token_type` DPoP).
    pub bound: bool,
    /// How long it is good; a minute where the provider does not say.
    pub expires_in: Duration,
    /// The next refresh token; none where the last one stays.
    pub refresh_token: Option<SecretString>,
}

/// Why what is kept cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// It is of a later version of this program.
    #[error("the sign-in that is kept was written by a newer version of Offhook")]
    Newer,
    /// It is something else.
    #[error("the sign-in that is kept cannot be read")]
    Unreadable,
}

impl Grant {
    /// What has just been given to `client`, with tokens for `key`, at `now` in ms since the Unix
    /// epoch. Without a refresh token it ends with its access token.
    #[must_use]
    pub fn new(client: Client, user: User, key: &ProofKey, given: Refreshed, now: u64) -> Self {
        let mut grant = Self {
            version: VERSION,
            client,
            user,
            key: STANDARD.encode(key.to_pkcs8().expose_secret()).into(),
            refresh_token: None,
            access: None,
            in_use_since: None,
            rotation: 0,
            over: false,
        };
        grant.renew(given, now);
        grant
    }

    /// What was kept.
    ///
    /// # Errors
    /// Where it is no grant, or a later version's.
    pub(crate) fn read(kept: &SecretSlice<u8>) -> Result<Self, GrantError> {
        #[derive(Deserialize)]
        struct Form {
            version: u32,
        }
        let bytes = kept.expose_secret();
        let form: Form = serde_json::from_slice(bytes).map_err(|_| GrantError::Unreadable)?;
        if form.version > VERSION {
            return Err(GrantError::Newer);
        }
        serde_json::from_slice(bytes).map_err(|_| GrantError::Unreadable)
    }

    /// What to keep.
    pub(crate) fn to_bytes(&self) -> SecretSlice<u8> {
        let mut bytes = Vec::with_capacity(CAPACITY);
        serde_json::to_writer(&mut bytes, self).expect("memory takes plain strings and numbers");
        bytes.into()
    }

    /// The key that everything is bound to.
    ///
    /// # Errors
    /// Where what was kept is none.
    pub fn key(&self) -> Result<Arc<ProofKey>, KeyError> {
        let pkcs8 = STANDARD.decode(self.key.expose_secret());
        let pkcs8 = pkcs8.map_err(|_| KeyError::NotAKey)?;
        ProofKey::from_pkcs8(pkcs8.into()).map(Arc::new)
    }

    /// The refresh token; none once the sign-in is over, and where the provider gave none.
    #[must_use]
    pub const fn refresh_token(&self) -> Option<&SecretString> {
        self.refresh_token.as_ref()
    }

    /// An access token that is good for a while (30 s, or a quarter of its life) at `now`, in ms since the Unix epoch, and is not
    /// the one that was `refused`; and whether it is bound to the key.
    pub(crate) fn access(
        &self,
        now: u64,
        refused: Option<&SecretString>,
    ) -> Option<(&SecretString, bool)> {
        let access = self.access.as_ref()?;
        let refused = refused.map(ExposeSecret::expose_secret);
        let good = now.saturating_add(FRESH.min(access.life() / 4)) < access.expires_at
            && refused != Some(access.token.expose_secret());
        good.then_some((&access.token, access.bound))
    }

    /// Whether there is little left of the access token at `now`: time for another one, before it is
    /// needed.
    pub(crate) fn is_stale(&self, now: u64) -> bool {
        self.access.as_ref().is_none_or(|access| {
            now.saturating_add(STALE.min(access.life() / 2)) >= access.expires_at
        })
    }

    /// Notes, before the refresh token is used, that it is.
    pub(crate) fn note_use(&mut self, now: u64) {
        self.in_use_since.get_or_insert(now);
    }

    /// Whether the refresh token may have been used without an answer that arrived.
    #[must_use]
    pub const fn is_in_use(&self) -> bool {
        self.in_use_since.is_some()
    }

    /// How often the tokens were replaced.
    #[must_use]
    pub const fn rotation(&self) -> u64 {
        self.rotation
    }

    /// Replaces the tokens by those that were given at `now`, in ms since the Unix epoch.
    pub(crate) fn renew(&mut self, given: Refreshed, now: u64) {
        self.access = Some(Kept {
            token: given.access_token,
            bound: given.bound,
            given_at: now,
            expires_at: now.saturating_add(millis(given.expires_in)),
        });
        if given.refresh_token.is_some() {
            self.refresh_token = given.refresh_token;
        }
        self.in_use_since = None;
        self.rotation += 1;
    }

    /// The provider does not take the refresh token any more. The access token stays good until it
    /// expires: a call that is up goes on.
    pub(crate) fn end(&mut self) {
        self.refresh_token = None;
        self.in_use_since = None;
        self.over = true;
    }

    /// Whether the user has to sign in again.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.over
    }
}

impl Kept {
    const fn life(&self) -> u64 {
        self.expires_at.saturating_sub(self.given_at)
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("client", &self.client)
            .field("user", &self.user)
            .field("rotation", &self.rotation)
            .field("in_use_since", &self.in_use_since)
            .field("over", &self.is_over())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Refreshed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refreshed")
            .field("bound", &self.bound)
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

fn expose<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

fn expose_some<S: Serializer>(
    secret: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let secret = secret.as_ref().map(ExposeSecret::expose_secret);
    secret.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn given(access: &str, refresh: Option<&str>) -> Refreshed {
        Refreshed {
            access_token: access.into(),
            bound: true,
            expires_in: Duration::from_secs(300),
            refresh_token: refresh.map(Into::into),
        }
    }

    fn grant() -> Grant {
        let client = Client {
            issuer: "https://issuer.example".to_owned(),
            client_id: "offhook".to_owned(),
            scopes: vec!["offhook.call".to_owned()],
            resource: None,
        };
        let user = User {
            subject: "ada".to_owned(),
            name: Some("Ada".to_owned()),
            email: None,
        };
        let key = ProofKey::generate().unwrap();
        let given = given("canary-access", Some("canary-refresh"));
        Grant::new(client, user, &key, given, NOW)
    }

    fn token(found: Option<(&SecretString, bool)>) -> Option<&str> {
        found.map(|(token, _)| token.expose_secret())
    }

    #[test]
    fn what_was_kept_is_the_same_and_shows_no_secret() {
        let grant = grant();
        let kept = Grant::read(&grant.to_bytes()).unwrap();
        assert_eq!(kept.user, grant.user);
        assert_eq!(kept.client, grant.client);
        let (before, after) = (grant.key().unwrap(), kept.key().unwrap());
        assert_eq!(before.thumbprint(), after.thumbprint());
        assert_eq!(token(kept.access(NOW, None)), Some("canary-access"));
        let refresh = kept.refresh_token().map(ExposeSecret::expose_secret);
        assert_eq!(refresh, Some("canary-refresh"));
        let shown = format!("{grant:?} {:?}", given("canary", Some("canary")));
        assert!(!shown.contains("canary") && !shown.contains(grant.key.expose_secret()));
    }

    #[test]
    fn an_access_token_is_used_while_it_is_good_and_not_refused() {
        let grant = grant();
        assert!(grant.access(NOW + 269_999, None).is_some());
        assert!(grant.access(NOW + 270_000, None).is_none());
        assert!(!grant.is_stale(NOW + 209_999) && grant.is_stale(NOW + 210_000));
        assert!(grant.access(NOW, Some(&"canary-access".into())).is_none());
        assert!(grant.access(NOW, Some(&"another".into())).is_some());
        let mut short = grant;
        let life = Duration::from_secs(20);
        let short_lived = Refreshed {
            expires_in: life,
            ..given("brief", None)
        };
        short.renew(short_lived, NOW);
        assert!(short.access(NOW + 14_999, None).is_some());
        assert!(short.access(NOW + 15_000, None).is_none());
        assert!(!short.is_stale(NOW + 9_999) && short.is_stale(NOW + 10_000));
    }

    #[test]
    fn a_note_of_use_lasts_until_the_answer() {
        let mut grant = grant();
        grant.note_use(NOW);
        grant.note_use(NOW + 5);
        assert_eq!(grant.in_use_since, Some(NOW));
        let mut kept = Grant::read(&grant.to_bytes()).unwrap();
        assert!(kept.is_in_use());
        kept.renew(given("next", None), NOW + 10);
        assert!(!kept.is_in_use());
        assert_eq!(kept.rotation(), 2);
        let refresh = kept.refresh_token().map(ExposeSecret::expose_secret);
        assert_eq!(refresh, Some("canary-refresh"), "the provider keeps it");
        kept.end();
        assert!(kept.is_over() && !kept.is_in_use());
        assert!(kept.access(NOW + 20, None).is_some());
    }

    #[test]
    fn what_is_no_grant_is_told_apart_from_a_newer_one() {
        let read = |text: &str| Grant::read(&text.as_bytes().to_vec().into()).map(drop);
        assert_eq!(read(""), Err(GrantError::Unreadable));
        assert_eq!(read("{}"), Err(GrantError::Unreadable));
        assert_eq!(read(r#"{"version":1}"#), Err(GrantError::Unreadable));
        assert_eq!(read(r#"{"version":2}"#), Err(GrantError::Newer));
    }
}
