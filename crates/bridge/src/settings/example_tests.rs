//! The example has every setting, and says what is true.

use offhook_bridge::{Agent, IssuerConfig, UpstreamConfig};
use toml::de::DeTable;

use super::*;
use crate::arguments::tests::flags;

/// The file of every setting.
const EXAMPLE: &str = include_str!("../../../../deploy/bridge.toml");

fn load(text: &str) -> Result<Settings, String> {
    let document = Document::parse(Path::new("bridge.toml"), text);
    let document = document.map_err(|errors| errors.join("\n"))?;
    let settings = Settings::of(&flags(&[]), &Environment::default(), Some(&document));
    settings.map_err(|problems| problems.to_string())
}

#[test]
fn the_example_has_every_setting_and_says_what_holds_anyway() {
    let plain = Settings::of(&flags(&[]), &Environment::default(), None).unwrap();
    let example = load(EXAMPLE).unwrap();
    assert_eq!(format!("{example:?}"), format!("{plain:?}"));

    let settings = keys(&uncommented());
    let (flags, environment) = (flags(&[]), Environment::default());
    let mut reader = Reader::new(&flags, &environment, None);
    schema::read(&mut reader);
    let mut known: Vec<String> = reader.known.iter().map(|it| (*it).to_owned()).collect();
    let agent = serde_json::to_value(Agent::built_in()).unwrap();
    let agent = agent.as_object().unwrap();
    known.extend(agent.keys().map(|key| format!("agents.{key}")));
    // A field more is a key more here.
    let IssuerConfig {
        issuer: _,
        audience: _,
        scope: _,
        client_id: _,
        jwks_uri: _,
    } = IssuerConfig::new("", "", "");
    let issuer = ["issuer", "audience", "scope", "client_id", "jwks_uri"];
    known.extend(issuer.map(|key| format!("access.issuers.{key}")));
    // The same here.
    let UpstreamConfig {
        url: _,
        model: _,
        auth: _,
        key_env: _,
        key_file: _,
        session: _,
        overridable: _,
        rotate_after: _,
    } = UpstreamConfig::new("", "", "");
    let upstream = [
        "url",
        "model",
        "auth",
        "key_env",
        "key_file",
        "rotate_after",
    ];
    known.extend(upstream.map(|key| format!("agents.upstream.{key}")));
    known.extend(
        [
            "agents.callers",
            "agents.upstream.overridable",
            "agents.upstream.session.instructions",
            "twilio.numbers.agent",
            "twilio.numbers.number",
        ]
        .map(ToOwned::to_owned),
    );
    known.sort();
    assert_eq!(settings, known);
}

#[test]
fn what_is_commented_out_in_the_example_would_be_right() {
    // All of it at once says who may call in three ways, and names files that are not here.
    let said = load(&uncommented()).unwrap_err();
    let unexpected = said
        .lines()
        .filter(|line| line.starts_with("bridge.toml:"))
        .filter(|line| {
            let expected = [
                "only one of them",
                "cannot be read",
                "cannot be used",
                // As the agents are listed twice, there is none.
                "there is no agent",
            ];
            !expected.iter().any(|part| line.contains(part))
        });
    assert_eq!(unexpected.count(), 0, "{said}");
}

/// The example, with everything that is commented out.
fn uncommented() -> String {
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The names of all settings in a file, sorted.
fn keys(text: &str) -> Vec<String> {
    fn walk(prefix: &str, table: &DeTable<'_>, keys: &mut Vec<String>) {
        for (key, value) in table {
            let name = format!("{prefix}{}", key.get_ref());
            let tables = value
                .get_ref()
                .as_array()
                .and_then(|array| array.iter().next());
            let within = tables.unwrap_or(value).get_ref().as_table();
            match within {
                Some(table) => walk(&format!("{name}."), table, keys),
                None => keys.push(name),
            }
        }
    }
    let table = DeTable::parse(text).unwrap();
    let mut keys = Vec::new();
    walk("", table.get_ref(), &mut keys);
    keys.sort();
    keys
}
