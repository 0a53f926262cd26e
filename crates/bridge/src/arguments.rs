//! The command line. Each option that stands for a setting bears that setting's name as its id.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::builder::EnumValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueEnum, value_parser};
use offhook_bridge::{
    Access, AuthMethod, Config, DEFAULT_ADDRESS, DEFAULT_SCOPE, FingerprintPolicy,
};

use crate::settings::LogFormat;

/// What the program is to do.
pub(crate) enum Order {
    /// Serve until stopped.
    Serve { file: Option<PathBuf>, flags: Flags },
    /// Look at a configuration, and do nothing else.
    CheckConfig { file: PathBuf },
}

/// Settings that the command line gives.
#[derive(Debug, Default)]
pub(crate) struct Flags {
    /// By the setting's name: the option, and its values as they were written.
    given: BTreeMap<String, (String, Vec<String>)>,
}

impl Flags {
    /// The option that stands for a setting, as in `--listen`, and its values.
    pub(crate) fn get(&self, setting: &str) -> Option<(&str, &[String])> {
        let (option, values) = self.given.get(setting)?;
        Some((option, values))
    }

    fn of(command: &Command, matches: &ArgMatches) -> Self {
        let said = command.get_arguments().filter_map(|argument| {
            let id = argument.get_id().as_str();
            let is_given = matches.value_source(id) == Some(ValueSource::CommandLine);
            let values = matches.get_raw(id).filter(|_| is_given)?;
            let values = values.map(|value| value.to_string_lossy().into_owned());
            let option = format!("--{}", argument.get_long()?);
            Some((id.to_owned(), (option, values.collect())))
        });
        Self {
            given: said.collect(),
        }
    }
}

/// Reads the command line; ends the program where it makes no sense, or asks for help.
pub(crate) fn read() -> Order {
    let command = command();
    let matches = command.clone().get_matches();
    match matches.subcommand() {
        Some((CHECK, matches)) => Order::CheckConfig {
            file: matches
                .get_one("file")
                .cloned()
                .expect("clap insists on it"),
        },
        Some((name, matches)) => {
            let serve = command.find_subcommand(name).expect("clap has found it");
            Order::Serve {
                file: matches.get_one("config").cloned(),
                flags: Flags::of(serve, matches),
            }
        }
        None => unreachable!("clap insists on a subcommand"),
    }
}

const CHECK: &str = "check-config";

/// What both commands say at the end of their help.
const AFTER: &str = "\
Settings come from the command line, then from variables like OFFHOOK_BRIDGE_TOKENS_TTL, then from
the file, then from the defaults. Exit codes: 0 all went well, 1 the bridge could not serve,
2 what it was told cannot be used.";

pub(crate) fn command() -> Command {
    Command::new("offhook-bridge")
        .version(env!("CARGO_PKG_VERSION"))
        .about("The server Offhook calls, with a built-in agent to try a call with")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(serve())
        .subcommand(
            Command::new(CHECK)
                .about(
                    "Say what `serve --config FILE` would do, or everything that is wrong with it",
                )
                .after_help(AFTER)
                .arg(
                    Arg::new("file")
                        .value_name("FILE")
                        .required(true)
                        .value_parser(value_parser!(PathBuf))
                        .help("The configuration"),
                ),
        )
}

fn serve() -> Command {
    let about = "Serve until stopped by Ctrl-C or SIGTERM";
    Command::new("serve")
        .about(about)
        .long_about(format!(
            "{about}.\n\nWithout an access token, in OFFHOOK_BRIDGE_ACCESS_TOKEN or a file, and \
             without an issuer, the bridge is in development mode: anyone on this machine may call, \
             and only loopback addresses work."
        ))
        .after_help(AFTER)
        .arg(
            option("config", "config", "FILE", "Settings, in TOML; deploy/bridge.toml has them all")
                .value_parser(value_parser!(PathBuf)),
        )
        .args(server())
        .args(access())
        .args(limits())
}

fn server() -> Vec<Arg> {
    vec![
        option(
            "server.listen",
            "listen",
            "ADDRESS",
            &format!(
                "The address and port to listen on; port 0 takes any free one [default: \
                 {DEFAULT_ADDRESS}]"
            ),
        ),
        option(
            "server.agents_file",
            "agents",
            "FILE",
            "A list of the agents to offer, in JSON; the built-in one if not given",
        ),
        option("server.name", "name", "NAME", "What the bridge is called"),
        option(
            "server.public_url",
            "public-url",
            "URL",
            "The address by which clients reach the bridge, if something is in front of it",
        ),
        option(
            "server.allowed_origins",
            "allow-origin",
            "ORIGIN",
            "An origin whose pages may connect, as in https://phone.example; may be repeated",
        )
        .action(ArgAction::Append),
        option(
            "server.trusted_proxies",
            "trusted-proxy",
            "NETWORK",
            "Proxies that may say for whom they ask, as in 10.0.0.0/8; may be repeated",
        )
        .action(ArgAction::Append),
        option(
            "tls.certificate_file",
            "tls-certificate",
            "FILE",
            "The certificate to end TLS with, and its chain, in PEM",
        ),
        option("tls.key_file", "tls-key", "FILE", "Its private key, in PEM"),
        option(
            "admin.listen",
            "admin-listen",
            "ADDRESS",
            "Serve metrics and the admin API there as well; without an admin token, in \
             OFFHOOK_BRIDGE_ADMIN_TOKEN or a file, only loopback addresses work",
        ),
        option(
            "admin.token_file",
            "admin-token-file",
            "FILE",
            "A file that holds the admin token and nothing else",
        ),
        choice::<LogFormat>(
            "log.format",
            "log-format",
            "FORMAT",
            "How the log is written [default: text]",
        ),
    ]
}

fn access() -> Vec<Arg> {
    vec![
        option(
            "access.token_file",
            "access-token-file",
            "FILE",
            "A file that holds the access token and nothing else",
        )
        .conflicts_with_all(["issuer", "access.mode"]),
        option(
            "issuer",
            "issuer",
            "URL",
            "Take the access tokens of this issuer (OpenID Connect), at its address exactly as it \
             names itself",
        )
        .requires("audience")
        .requires("client_id"),
        option(
            "audience",
            "audience",
            "AUDIENCE",
            "What the issuer's access tokens have to be for (\"aud\")",
        )
        .requires("issuer"),
        option("client_id", "client-id", "ID", "The client that softphones sign in as")
            .requires("issuer"),
        option(
            "scope",
            "scope",
            "SCOPE",
            &format!("The scope that access tokens have to have [default: {DEFAULT_SCOPE}]"),
        )
        .requires("issuer"),
        option(
            "jwks_uri",
            "jwks-uri",
            "URL",
            "Where the issuer's keys are, if not where its metadata says",
        )
        .requires("issuer"),
        Arg::new("access.mode")
            .long("local-issuer")
            .action(ArgAction::Set)
            .num_args(0)
            .default_missing_value("local-issuer")
            .help(
                "Be an issuer as well, that lets anyone on this machine sign in by any name; for \
                 development",
            )
            .conflicts_with("issuer"),
        option(
            "access.local_issuer_state_file",
            "local-issuer-state",
            "FILE",
            "Where the local issuer keeps its key and who is signed in; in memory only if not given",
        )
        .requires("access.mode"),
        choice::<AuthMethod>(
            "access.allowed_auth",
            "allow-auth",
            "WAYS",
            "Ways to present a token that are taken besides the header and the subprotocol",
        )
        .value_delimiter(',')
        .action(ArgAction::Append),
        choice::<FingerprintPolicy>(
            "access.fingerprint",
            "fingerprint",
            "POLICY",
            "What becomes of a token that is used elsewhere than where it was minted [default: \
             signal]",
        ),
    ]
}

fn limits() -> Vec<Arg> {
    let listen = DEFAULT_ADDRESS.parse().expect("it is an address");
    let plain = Config::new(listen, Access::Development);
    let seconds = |id, name, help: &str, default: u64| {
        let help = format!("{help} [default: {default}]");
        option(id, name, "SECONDS", &help)
    };
    vec![
        seconds(
            "tokens.ttl",
            "token-ttl",
            "How long a token lives unless its mint asks for another time",
            plain.token_ttl.into(),
        ),
        option(
            "tokens.keys_file",
            "token-keys",
            "FILE",
            "The keys that tokens are signed with (a JWK set), for bridges that share them; one of \
             its own, gone with it, if not given",
        ),
        option(
            "tokens.min_ttl",
            "min-token-ttl",
            "SECONDS",
            "The shortest life a mint may ask for; 10 s, or what --token-ttl says if that is less",
        ),
        option(
            "sessions.max",
            "max-sessions",
            "N",
            &format!(
                "How many sessions there may be at a time, those that wait for their client \
                 included [default: {}]",
                plain.max_sessions
            ),
        ),
        seconds(
            "sessions.resume_window",
            "resume-window",
            "How long a session whose connection was cut waits for its client",
            plain.resume_window.as_secs(),
        ),
        seconds(
            "sessions.drain",
            "drain",
            "How long clients have to leave when the bridge stops",
            plain.drain.as_secs(),
        ),
    ]
}

fn option(id: &'static str, name: &'static str, value: &'static str, help: &str) -> Arg {
    Arg::new(id)
        .long(name)
        .value_name(value)
        .help(help.to_owned())
}

fn choice<T: ValueEnum + Send + Sync + 'static>(
    id: &'static str,
    name: &'static str,
    value: &'static str,
    help: &str,
) -> Arg {
    option(id, name, value, help).value_parser(EnumValueParser::<T>::new())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What `serve` with these arguments says.
    pub(crate) fn flags(arguments: &[&str]) -> Flags {
        let command = command();
        let arguments = ["offhook-bridge", "serve"].iter().chain(arguments);
        let matches = command.clone().try_get_matches_from(arguments).unwrap();
        let (name, matches) = matches.subcommand().unwrap();
        Flags::of(command.find_subcommand(name).unwrap(), matches)
    }

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn only_what_is_said_is_given() {
        assert!(flags(&[]).given.is_empty());
        let flags = flags(&[
            "--allow-auth=query,cookie",
            "--local-issuer",
            "--allow-origin",
            "https://a.example",
            "--allow-origin",
            "https://b.example",
        ]);
        let values = |setting| flags.get(setting).unwrap().1.join(" ");
        assert_eq!(flags.given.len(), 3);
        assert_eq!(values("access.allowed_auth"), "query cookie");
        assert_eq!(values("access.mode"), "local-issuer");
        assert_eq!(
            values("server.allowed_origins"),
            "https://a.example https://b.example"
        );
    }
}
