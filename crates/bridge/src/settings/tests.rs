//! Where settings come from, and what is said of those that are wrong.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process;

use offhook_bridge::{Access, AuthMethod, IssuerConfig};
use secrecy::ExposeSecret as _;

use super::*;
use crate::arguments::tests::flags;

fn environment(variables: &[(&str, &str)]) -> Environment {
    let owned = variables
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Environment::new(owned)
}

/// What comes of a command line, variables and a file; what is wrong with them, as it is shown.
fn load(arguments: &[&str], variables: &[(&str, &str)], text: &str) -> Result<Settings, String> {
    let document = Document::parse(Path::new("bridge.toml"), text);
    let document = document.map_err(|errors| errors.join("\n"))?;
    let settings = Settings::of(&flags(arguments), &environment(variables), Some(&document));
    settings.map_err(|problems| problems.to_string())
}

fn file(text: &str) -> Result<Settings, String> {
    load(&[], &[], text)
}

/// What is shown of a file that is wrong.
fn refused(text: &str) -> String {
    file(text).unwrap_err()
}

#[test]
fn the_command_line_counts_most_and_the_file_least() {
    let ttl = |arguments: &[&str], variables: &[(&str, &str)], text: &str| {
        load(arguments, variables, text).unwrap().config.token_ttl
    };
    let in_file = "[tokens]\nttl = 20\n";
    let variable = ("OFFHOOK_BRIDGE_TOKENS_TTL", "30");
    assert_eq!(ttl(&[], &[], ""), 60);
    assert_eq!(ttl(&[], &[], in_file), 20);
    assert_eq!(ttl(&[], &[variable], in_file), 30);
    assert_eq!(ttl(&["--token-ttl", "40"], &[variable], in_file), 40);

    let text = "[server]\nallowed_origins = [\"https://a.example\"]\n[access]\nallowed_auth = [\"query\"]\n";
    let variables = [
        (
            "OFFHOOK_BRIDGE_SERVER_ALLOWED_ORIGINS",
            "https://b.example, https://c.example",
        ),
        ("OFFHOOK_BRIDGE_ACCESS_REQUIRE_NONCE", "false"),
    ];
    let config = load(&["--allow-auth", "cookie,first-message"], &variables, text)
        .unwrap()
        .config;
    assert_eq!(
        config.allowed_origins,
        ["https://b.example", "https://c.example"]
    );
    assert_eq!(
        config.allowed_auth,
        [AuthMethod::Cookie, AuthMethod::FirstMessage]
    );
    assert!(!config.require_nonce);
}

#[test]
fn what_is_logged_is_said_by_the_usual_variable_too() {
    let filter =
        |variables: &[(&str, &str)], text: &str| load(&[], variables, text).unwrap().log.filter;
    let usual = ("RUST_LOG", "debug");
    assert_eq!(filter(&[usual], "[log]\nfilter = \"warn\"\n"), "debug");
    assert_eq!(
        filter(&[usual, ("OFFHOOK_BRIDGE_LOG_FILTER", "error")], ""),
        "error"
    );
    assert_eq!(filter(&[("RUST_LOG", "")], ""), "info");
    let wrong = refused("[log]\nfilter = \"offhook=loud\"\n");
    assert!(
        wrong.starts_with("bridge.toml:2:10: log.filter:"),
        "{wrong}"
    );
}

#[test]
fn a_wrong_value_is_shown_where_it_is() {
    assert_eq!(
        refused("# ours\n[tokens]\n  ttl = 500 # s\n"),
        "bridge.toml:3:9: tokens.ttl: tokens cannot live for 500 s, and 10 s at least: their \
         lifetimes are between 1 and 120 s, and the usual one is not below the shortest\n  \
         3 |   ttl = 500 # s\n    |         ^^^"
    );
    for (text, place, why) in [
        ("[sessions]\nmax = 0", "2:7", "between 1 and 100000"),
        (
            "[sessions]\nmax = \"9\"",
            "2:7",
            "type string, and has to be a whole number",
        ),
        ("[sessions]\nmax = -1", "2:7", "not below 0"),
        (
            "[sessions]\nmax = 99999999999999999999999",
            "2:7",
            "a whole number",
        ),
        (
            "[sessions]\nresume_window = 121",
            "2:17",
            "120 s is the most",
        ),
        ("[sessions]\ndrain = 301", "2:9", "between 0 and 300"),
        ("[tokens]\nmin_ttl = 90", "2:11", "not below the shortest"),
        ("[server]\nlisten = \"8084\"", "2:10", "like 127.0.0.1:8084"),
        (
            "[server]\nlisten = \"0.0.0.0:8084\"",
            "2:10",
            "without an access token",
        ),
        (
            "[server]\npublic_url = \"wss://a.example\"",
            "2:14",
            "begins with https://",
        ),
        (
            "[server]\nallowed_origins = \"x\"",
            "2:19",
            "a list of texts",
        ),
        (
            "[server]\nallowed_origins = [\"https://a.example\",\n  \"https://b.example/\"]",
            "3:3",
            "is not an origin",
        ),
        (
            "[server]\ntrusted_proxies = [\"10.1.1.1/8\"]",
            "2:20",
            "the range is 10.0.0.0/8",
        ),
        (
            "[server]\ntrusted_proxies = [\"10.0.0.0/8\"]",
            "2:20",
            "behind proxies",
        ),
        (
            "[server]\nforwarded_by = \"via\"",
            "2:16",
            "\"x-forwarded-for\", \"forwarded\"",
        ),
        (
            "[access]\nfingerprint = \"maybe\"",
            "2:15",
            "\"off\", \"signal\", \"enforce\"",
        ),
        ("[access]\nrequire_nonce = 1", "2:17", "true or false"),
        (
            "[access]\nmode = \"token\"",
            "2:8",
            "there is no access token",
        ),
        ("[access]\nmode = \"issuers\"", "2:8", "[[access.issuers]]"),
        (
            "[access]\ntoken_file = \"/nowhere/at/all\"",
            "2:14",
            "cannot be read",
        ),
        ("[tls]\ncertificate_file = \"c.pem\"", "2:20", "has no key"),
        ("[tls]\nkey_file = \"c.pem\"", "2:12", "has no certificate"),
        (
            "[tls]\ncertificate_file = \"/nowhere/c.pem\"\nkey_file = \"k.pem\"",
            "2:20",
            "cannot be used",
        ),
        ("[[agents]]\nid = \"a\"", "1:1", "missing field"),
        ("agents = 1", "1:10", "begins with [[agents]]"),
        ("tokens = 1", "1:10", "written as [tokens]"),
        ("[tokens]\nttl = 60\nttl = 70", "3:1", "not TOML"),
    ] {
        let said = refused(text);
        assert!(
            said.starts_with(&format!("bridge.toml:{place}: ")),
            "{text}: {said}"
        );
        assert!(said.contains(why), "{text}: {said}");
    }
}

#[test]
fn the_one_of_two_files_that_is_wrong_is_shown() {
    let readable = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let text = format!("[tls]\ncertificate_file = '{readable}'\nkey_file = '/nowhere/key.pem'\n");
    let said = refused(&text);
    assert!(
        said.starts_with("bridge.toml:3:12: tls.key_file: "),
        "{said}"
    );
}

#[test]
fn what_means_nothing_is_said_with_what_may_have_been_meant() {
    for (text, place, why) in [
        ("[tokens]\ntll = 60", "2:1", "did you mean `ttl`?"),
        ("[tokens]\ndrain = 60", "2:1", "but in [sessions]"),
        (
            "[tokens]\nanything = 60",
            "2:1",
            "there are ttl, keys_file, min_ttl, grace",
        ),
        ("[token]\nttl = 60", "1:2", "did you mean [tokens]?"),
        (
            "[nonsense]\n",
            "1:2",
            "the sections are access, admin, log, server",
        ),
        (
            "listen = \"127.0.0.1:1\"",
            "1:1",
            "belongs into the section [server]",
        ),
        (
            "[[agents]]\nid=\"a\"\nname=\"A\"\nlanguage=\"en\"\ncolour=\"#000000\"",
            "5:1",
            "unknown field `colour`",
        ),
    ] {
        let said = refused(text);
        assert!(
            said.starts_with(&format!("bridge.toml:{place}: ")),
            "{text}: {said}"
        );
        assert!(said.contains(why), "{text}: {said}");
    }
    let said = load(&[], &[("OFFHOOK_BRIDGE_TOKENS_TLL", "5")], "").unwrap_err();
    assert!(
        said.contains(
            "TOKENS_TLL: there is no such setting; did you mean OFFHOOK_BRIDGE_TOKENS_TTL?"
        ),
        "{said}"
    );
    // What Kubernetes sets for a service of the name offhook-bridge.
    assert!(load(&[], &[("OFFHOOK_BRIDGE_SERVICE_HOST", "10.0.0.1")], "").is_ok());
}

#[test]
fn everything_that_is_wrong_is_said_at_once_in_order() {
    let text = "[sessions]\nmax = 0\ndrain = true\n[tokens]\ntll = 5\n";
    let variables = [("OFFHOOK_BRIDGE_TOKENS_GRACE", "soon")];
    let said = load(&["--listen", "nowhere"], &variables, text).unwrap_err();
    let found: Vec<_> = said
        .lines()
        .filter(|line| !line.starts_with("  "))
        .collect();
    let heads = [
        "bridge.toml:2:7:",
        "bridge.toml:3:9:",
        "bridge.toml:5:1:",
        "--listen: \"nowhere\"",
        "OFFHOOK_BRIDGE_TOKENS_GRACE: \"soon\"",
    ];
    assert_eq!(found.len(), heads.len(), "{said}");
    for (line, head) in found.iter().zip(heads) {
        assert!(line.starts_with(head), "{said}");
    }
}

#[test]
fn a_secret_does_not_belong_into_the_file_and_is_not_shown() {
    let said = refused("[access]\ntoken = \"hunter2\"\n");
    assert!(said.contains("name that with token_file"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let said = refused("[access]\ntoken = \"hunter2\n");
    assert!(
        said.contains("not TOML") && !said.contains("hunter2"),
        "{said}"
    );
}

#[test]
fn the_access_token_comes_from_its_variable_or_a_file() {
    let folder = std::env::temp_dir().join(format!("offhook-settings-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("token"), "from the file\n").unwrap();
    let path = folder.join("bridge.toml");
    let text = "[access]\ntoken_file = \"token\"\n";
    let token = |arguments: &[&str], variables: &[(&str, &str)]| {
        let document = Document::parse(&path, text).unwrap();
        let settings = Settings::of(&flags(arguments), &environment(variables), Some(&document));
        match settings.unwrap().config.access {
            Access::Token(token) => token.expose_secret().to_owned(),
            other => panic!("{other:?}"),
        }
    };
    let variable = ("OFFHOOK_BRIDGE_ACCESS_TOKEN", "from the variable");
    assert_eq!(token(&[], &[]), "from the file");
    assert_eq!(token(&[], &[variable]), "from the variable");
    let named: PathBuf = folder.join("token");
    let flag = ["--access-token-file", named.to_str().unwrap()];
    assert_eq!(token(&flag, &[variable]), "from the file");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn who_may_call_is_said_once() {
    let issuer = |name| {
        format!("[[access.issuers]]\nissuer = \"{name}\"\naudience = \"a\"\nclient_id = \"c\"\n")
    };
    let two = issuer("https://a.example") + &issuer("https://b.example");
    let access = |arguments: &[&str], text: &str| load(arguments, &[], text).unwrap().config.access;
    let Access::Issuers(issuers) = access(&[], &two) else {
        panic!("there are issuers");
    };
    let second = IssuerConfig::new("https://b.example", "a", "c");
    assert_eq!((issuers.len(), &issuers[1]), (2, &second));
    let flag = [
        "--issuer",
        "https://c.example",
        "--audience",
        "a",
        "--client-id",
        "c",
    ];
    let Access::Issuers(issuers) = access(&flag, &two) else {
        panic!("there is an issuer");
    };
    assert_eq!(issuers, [IssuerConfig::new("https://c.example", "a", "c")]);
    assert!(matches!(access(&["--local-issuer"], ""), Access::Local(_)));
    assert!(matches!(
        access(&[], "[access]\nmode = \"local-issuer\""),
        Access::Local(_)
    ));

    let said = load(&["--local-issuer"], &[], &two).unwrap_err();
    assert!(said.contains("only one of them"), "{said}");
    let token = [("OFFHOOK_BRIDGE_ACCESS_TOKEN", "hunter2")];
    let said = load(&[], &token, &two).unwrap_err();
    assert!(
        said.contains("only one of them") && !said.contains("hunter2"),
        "{said}"
    );
    let said = refused(&(issuer("https://a.example") + &issuer("http://b.example")));
    assert!(said.starts_with("bridge.toml:5:"), "{said}");
}

#[test]
fn an_empty_list_is_none() {
    let config = file("agents = []\n[access]\nissuers = []\n")
        .unwrap()
        .config;
    assert_eq!(config.agents.len(), 1);
    assert!(matches!(config.access, Access::Development));
    let said = refused("[access]\nmode = \"issuers\"\nissuers = []\n");
    assert!(said.contains("no issuer is named"), "{said}");
}

#[test]
fn a_configuration_is_told_in_a_line() {
    let summary = |text| file(text).unwrap().to_string();
    assert_eq!(
        summary(""),
        "listens on http://127.0.0.1:8084 for anyone on this machine (development mode), offers 1 \
         agent, holds up to 256 sessions"
    );
}
