//! Settings that come from environment variables.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// What every variable of the bridge's begins with.
const PREFIX: &str = "OFFHOOK_BRIDGE_";
/// What programs in Rust are usually told by what to log. It counts where the bridge's own variable
/// says nothing.
const USUAL_FILTER: &str = "RUST_LOG";

/// The variables that concern the bridge. There may be a secret among them, so this is not to be
/// printed.
#[derive(Default)]
pub(crate) struct Environment {
    /// None for a value that is not text.
    variables: BTreeMap<String, Option<String>>,
}

impl Environment {
    /// Those of them that concern the bridge.
    pub(crate) fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let texts = variables.into_iter().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let is_usual = name == USUAL_FILTER && !value.is_empty();
            (is_usual || name.starts_with(PREFIX)).then(|| (name, value.into_string().ok()))
        });
        Self {
            variables: texts.collect(),
        }
    }

    /// The variable that gives a setting, and its value; none for one that is not text.
    pub(super) fn get(&self, setting: &str) -> Option<(String, Option<&str>)> {
        let own = variable(setting);
        let usual = (setting == "log.filter").then(|| USUAL_FILTER.to_owned());
        let mut names = [Some(own), usual].into_iter().flatten();
        names.find_map(|name| {
            let value = self.variables.get(&name)?.as_deref();
            Some((name, value))
        })
    }

    /// The variables that look like settings of these sections, and are none of these.
    pub(super) fn unknown(&self, sections: &[&str], settings: &[&str]) -> Vec<&str> {
        let is_known = |name: &str| settings.iter().any(|setting| variable(setting) == name);
        // Others may well be there: Kubernetes sets OFFHOOK_BRIDGE_PORT for a service of that name,
        // and OFFHOOK_BRIDGE_ADMIN_PORT for one that is called offhook-bridge-admin.
        let is_meant = |name: &str| {
            let mut prefixes = sections.iter().map(|section| variable(section) + "_");
            prefixes.any(|prefix| {
                let rest = name.strip_prefix(&prefix);
                rest.is_some_and(|rest| !is_of_kubernetes(rest))
            })
        };
        let names = self.variables.keys().map(String::as_str);
        names.filter(|it| is_meant(it) && !is_known(it)).collect()
    }
}

/// Whether Kubernetes ends the name of a service's variable so.
fn is_of_kubernetes(rest: &str) -> bool {
    rest == "PORT"
        || ["SERVICE_HOST", "SERVICE_PORT", "PORT_"]
            .iter()
            .any(|it| rest.starts_with(it))
}

/// The variable of a setting: `OFFHOOK_BRIDGE_TOKENS_TTL` of `tokens.ttl`.
pub(super) fn variable(setting: &str) -> String {
    format!("{PREFIX}{}", setting.replace('.', "_").to_ascii_uppercase())
}
