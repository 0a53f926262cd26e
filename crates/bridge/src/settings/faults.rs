//! What the bridge itself finds wrong with a configuration, where it was written.

use std::path::Path;

use offhook_bridge::{Config, Error, Limit};

use super::reader::Reader;

/// Makes problems of what a bridge would refuse to serve by.
pub(super) fn find(reader: &mut Reader<'_>, config: &Config) {
    let tls = config.tls.as_ref().and_then(|tls| tls.check().err());
    for fault in config.faults().into_iter().chain(tls) {
        // That there is none was found where they are read.
        if matches!(fault, Error::NoIssuer) {
            continue;
        }
        let (settings, text) = meant(&fault, config);
        let origin = |setting: &&&'static str| reader.origin(setting, text).is_some();
        let setting = settings.iter().find(origin).or(settings.first());
        let setting = setting.copied().unwrap_or_default();
        let origin = reader.origin(setting, text).cloned();
        reader.wrong_at(origin, setting, &fault.to_string());
    }
}

/// The settings that a fault may come from, and the value of one, where there are several.
fn meant<'a>(fault: &'a Error, config: &Config) -> (&'static [&'static str], Option<&'a str>) {
    let is_key = |path: &Path| config.tls.as_ref().is_some_and(|tls| tls.key == path);
    match fault {
        Error::OpenToTheNetwork { .. } | Error::LocalOnTheNetwork { .. } => {
            (&["server.listen"], None)
        }
        Error::PublicUrl { .. } => (&["server.public_url"], None),
        Error::Origin { origin } => (&["server.allowed_origins"], Some(origin)),
        Error::OpenBehindProxies => (&["server.trusted_proxies", "server.public_url"], None),
        Error::InsecureIssuer { address } => (&["access.issuers"], Some(address)),
        Error::Agents { .. } => (&["agents", "server.agents_file"], None),
        Error::TokenTtl { .. } => (&["tokens.ttl", "tokens.min_ttl"], None),
        Error::ResumeWindow { .. } => (&["sessions.resume_window"], None),
        Error::Tls { path, .. } if is_key(path) => (&["tls.key_file"], None),
        Error::Tls { .. } | Error::TlsMismatch { .. } => (&["tls.certificate_file"], None),
        Error::AdminOpenToTheNetwork { .. } => (&["admin.listen"], None),
        Error::EmptyAdminToken => (&["admin.token_file"], None),
        Error::TokenKeys { .. } => (&["tokens.keys_file"], None),
        Error::Twilio { .. } => (&["twilio.auth_token_file", "twilio.numbers"], None),
        Error::Limit { limit, .. } => match limit {
            Limit::MaxSessions => (&["sessions.max"], None),
            Limit::TokenGrace => (&["tokens.grace"], None),
            Limit::Drain => (&["sessions.drain"], None),
            Limit::ReturnSpread => (&["sessions.return_spread"], None),
            Limit::CertificateCheck => (&["tls.check_every"], None),
        },
        // These are of a bridge that starts, not of its settings.
        Error::AddressTaken { .. }
        | Error::Listen { .. }
        | Error::NoIssuer
        | Error::LocalState { .. }
        | Error::Outgoing { .. }
        | Error::Entropy { .. }
        | Error::Prompt { .. } => (&[], None),
    }
}
