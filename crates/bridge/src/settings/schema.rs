//! Every setting there is, and what becomes of it.

use std::net::SocketAddr;
use std::path::PathBuf;

use offhook_bridge::{
    Access, AdminConfig, Agent, Config, DEFAULT_ADDRESS, IssuerConfig, LocalIssuerConfig,
    TlsConfig, TwilioConfig,
};
use secrecy::SecretString;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::reader::Reader;
use super::value::{Origin, name, one_of};
use super::{ACCESS_TOKEN, ADMIN_TOKEN, Log, LogFormat, Settings, TWILIO_TOKEN};

/// What is logged unless said otherwise.
const FILTER: &str = "info";
/// A file with the access token.
const TOKEN_FILE: &str = "access.token_file";
/// Issuers of access tokens.
const ISSUERS: &str = "access.issuers";
/// The local issuer's file.
const STATE: &str = "access.local_issuer_state_file";
/// A file with the admin token.
const ADMIN_TOKEN_FILE: &str = "admin.token_file";
/// A file with the auth token of the Twilio account.
const TWILIO_TOKEN_FILE: &str = "twilio.auth_token_file";
/// Which agent answers at which number.
const NUMBERS: &str = "twilio.numbers";
/// The agents.
const AGENTS: &str = "agents";

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    Development,
    Token,
    Issuers,
    LocalIssuer,
}

/// Reads every setting. What cannot be read is as if it were not there, and is a problem of the
/// reader's.
pub(super) fn read(reader: &mut Reader<'_>) -> Settings {
    let listen = DEFAULT_ADDRESS.parse().expect("it is an address");
    let plain = Config::new(listen, Access::Development);
    let listen = reader.parsed("server.listen", address);
    let name = reader.text("server.name").map(|given| given.text);
    let public_url = reader.parsed("server.public_url", url);
    let allowed_origins = reader.list("server.allowed_origins", |text| Ok(text.to_owned()));
    let trusted_proxies = reader.list("server.trusted_proxies", |text| {
        text.parse()
            .map_err(|error: offhook_bridge::NotANetwork| error.to_string())
    });
    let forwarded_by = reader.choice("server.forwarded_by", plain.forwarded_by);
    let agents = agents(reader).unwrap_or(plain.agents);
    let tls = tls(reader);
    let access = access(reader);
    let token_ttl = reader.number("tokens.ttl", plain.token_ttl);
    let shortest = plain.min_token_ttl.min(token_ttl);
    let config = Config {
        name,
        agents,
        public_url,
        tls,
        trusted_proxies,
        forwarded_by,
        require_nonce: reader.switch("access.require_nonce", plain.require_nonce),
        allowed_origins,
        allowed_auth: reader.list("access.allowed_auth", one_of),
        fingerprint: reader.choice("access.fingerprint", plain.fingerprint),
        token_keys: reader.path("tokens.keys_file"),
        token_ttl,
        min_token_ttl: reader.number("tokens.min_ttl", shortest),
        token_grace: reader.seconds("tokens.grace", plain.token_grace),
        max_sessions: reader.number("sessions.max", plain.max_sessions),
        resume_window: reader.seconds("sessions.resume_window", plain.resume_window),
        drain: reader.seconds("sessions.drain", plain.drain),
        return_spread: reader.seconds("sessions.return_spread", plain.return_spread),
        twilio: twilio(reader),
        admin: admin(reader),
        ..Config::new(listen.unwrap_or(plain.listen), access)
    };
    Settings {
        config,
        log: log(reader),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "it has to be an address and a port, like 127.0.0.1:8084 or [::]:8084".to_owned()
    })
}

fn url(text: &str) -> Result<url::Url, String> {
    text.parse()
        .map_err(|_| "it has to be an address, like https://voice.example".to_owned())
}

fn log(reader: &mut Reader<'_>) -> Log {
    let format = reader.choice("log.format", LogFormat::Text);
    let filter = reader.parsed("log.filter", |text| {
        let read = EnvFilter::try_new(text).map(|_| text.to_owned());
        read.map_err(|error| {
            format!("it has to be like \"info\" or \"warn,offhook_bridge=debug\" ({error})")
        })
    });
    let filter = filter.unwrap_or_else(|| FILTER.to_owned());
    Log { format, filter }
}

/// The agents, if any are listed.
fn agents(reader: &mut Reader<'_>) -> Option<Vec<Agent>> {
    let file = reader.path("server.agents_file");
    let tables = reader.tables(AGENTS, |agent: &Agent| vec![agent.id.clone()]);
    let Some(path) = file else {
        return tables;
    };
    let is_in_file = matches!(
        reader.origin("server.agents_file", None),
        Some(Origin::Place(_))
    );
    if is_in_file && tables.is_some() {
        reader.wrong(
            "server.agents_file",
            "there are [[agents]] in this file as well; only one of them can list the agents",
        );
        return None;
    }
    let text = reader.contents("server.agents_file", &path)?;
    match Agent::list(&text) {
        Ok(agents) => Some(agents),
        Err(error) => {
            reader.wrong("server.agents_file", &error.to_string());
            None
        }
    }
}

fn tls(reader: &mut Reader<'_>) -> Option<TlsConfig> {
    let certificate = reader.path("tls.certificate_file");
    let key = reader.path("tls.key_file");
    let plain = TlsConfig::new(PathBuf::new(), PathBuf::new());
    let check_every = reader.seconds("tls.check_every", plain.check_every);
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(TlsConfig {
            certificate,
            key,
            check_every,
        }),
        (Some(_), None) => {
            let what = "the certificate has no key: name its file with tls.key_file";
            reader.wrong("tls.certificate_file", what);
            None
        }
        (None, Some(_)) => {
            let what = "the key has no certificate: name its file with tls.certificate_file";
            reader.wrong("tls.key_file", what);
            None
        }
        (None, None) => None,
    }
}

fn access(reader: &mut Reader<'_>) -> Access {
    let said: Mode = reader.choice("access.mode", Mode::Development);
    let is_said = reader.origin("access.mode", None).is_some();
    let token = token(reader);
    let issuers = issuers(reader);
    let state = reader.path(STATE);
    let has_token = reader.origin(TOKEN_FILE, None).is_some();
    let given = [
        (Mode::Token, TOKEN_FILE, has_token),
        (Mode::Issuers, ISSUERS, issuers.is_some()),
        (Mode::LocalIssuer, STATE, state.is_some()),
    ];
    let first = given.iter().find(|(_, _, is_given)| *is_given);
    let mode = match first {
        Some((mode, ..)) if !is_said => *mode,
        _ => said,
    };
    for (other, setting, is_given) in given {
        if is_given && other != mode {
            let what = format!(
                "it is said elsewhere that the mode is \"{}\"; only one of them can say who may call",
                name(&mode)
            );
            reader.wrong(setting, &what);
        }
    }
    match mode {
        Mode::Development => Access::Development,
        Mode::Token => {
            if !has_token {
                let what = "there is no access token: name its file with access.token_file, or set \
                            OFFHOOK_BRIDGE_ACCESS_TOKEN";
                reader.wrong("access.mode", what);
            }
            // Where it cannot be read, that is a problem already, and nothing is served.
            Access::Token(token.unwrap_or_default())
        }
        Mode::Issuers => {
            if issuers.is_none() {
                let what = "no issuer is named: begin a table with [[access.issuers]]";
                reader.wrong("access.mode", what);
            }
            Access::Issuers(issuers.unwrap_or_default())
        }
        Mode::LocalIssuer => Access::Local(LocalIssuerConfig {
            state_file: state,
            ..LocalIssuerConfig::default()
        }),
    }
}

/// The access token.
fn token(reader: &mut Reader<'_>) -> Option<SecretString> {
    let text = secret(reader, ACCESS_TOKEN, TOKEN_FILE)?;
    let token = text.trim();
    if token.is_empty() {
        let what = "the access token is empty or not text; leave it out for development mode";
        reader.wrong(TOKEN_FILE, what);
        return None;
    }
    Some(token.into())
}

/// A secret, from its variable or its file, whichever comes first; empty where it is not text.
fn secret(reader: &mut Reader<'_>, variable: &str, file_setting: &'static str) -> Option<String> {
    let path = reader.path(file_setting);
    let file = reader.origin(file_setting, None).cloned();
    let is_flag = matches!(&file, Some(Origin::Named(name)) if name.starts_with("--"));
    match reader.environment().get(variable) {
        Some((name, value)) if !is_flag => {
            reader.replace(file_setting, Origin::Named(name));
            Some(value.unwrap_or_default().to_owned())
        }
        _ => reader.contents(file_setting, &path?),
    }
}

/// The operator's side, if there is one.
fn admin(reader: &mut Reader<'_>) -> Option<AdminConfig> {
    let listen = reader.parsed("admin.listen", address);
    let token = secret(reader, ADMIN_TOKEN, ADMIN_TOKEN_FILE);
    Some(AdminConfig {
        listen: listen?,
        token: token.map(|token| token.trim().into()),
    })
}

/// A number of the Twilio account, and who answers there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Number {
    number: String,
    agent: String,
}

/// Phone calls, if they are taken.
fn twilio(reader: &mut Reader<'_>) -> Option<TwilioConfig> {
    let file = reader.path(TWILIO_TOKEN_FILE);
    let variable = reader.environment().get(TWILIO_TOKEN).map(|(name, _)| name);
    let numbers = reader.tables(NUMBERS, |number: &Number| vec![number.agent.clone()]);
    if file.is_none() && variable.is_none() {
        if numbers.is_some() {
            let what = "phone calls need the account's auth token: name its file with \
                        twilio.auth_token_file, or set OFFHOOK_BRIDGE_TWILIO_AUTH_TOKEN";
            reader.wrong(NUMBERS, what);
        }
        return None;
    }
    let numbers = numbers.unwrap_or_default().into_iter();
    Some(TwilioConfig {
        // A variable counts more than the file.
        auth_token_file: file.filter(|_| variable.is_none()),
        auth_token_env: variable,
        numbers: numbers.map(|it| (it.number, it.agent)).collect(),
    })
}

/// The issuers, if any are named: the one of the command line, or those of the file.
fn issuers(reader: &mut Reader<'_>) -> Option<Vec<IssuerConfig>> {
    let tables = reader.tables(ISSUERS, |issuer: &IssuerConfig| {
        let keys = issuer.jwks_uri.as_ref().map(ToString::to_string);
        [Some(issuer.issuer.clone()), keys]
            .into_iter()
            .flatten()
            .collect()
    });
    let (Some((option, issuer)), Some((_, audience)), Some((_, client))) = (
        reader.flag("issuer"),
        reader.flag("audience"),
        reader.flag("client_id"),
    ) else {
        return tables;
    };
    let mut config = IssuerConfig::new(issuer, audience, client);
    if let Some((_, scope)) = reader.flag("scope") {
        scope.clone_into(&mut config.scope);
    }
    if let Some((option, text)) = reader.flag("jwks_uri") {
        match url(text) {
            Ok(url) => config.jwks_uri = Some(url),
            Err(what) => {
                let what = format!("\"{text}\" is not right: {what}");
                reader.wrong_at(Some(Origin::Named(option.to_owned())), ISSUERS, &what);
            }
        }
    }
    reader.replace(ISSUERS, Origin::Named(option.to_owned()));
    Some(vec![config])
}
