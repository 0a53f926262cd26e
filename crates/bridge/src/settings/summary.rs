//! What a bridge with these settings would do, in a line.

use std::fmt;

use offhook_bridge::{Access, Config};

use super::Settings;

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config {
            listen,
            access,
            agents,
            tls,
            trusted_proxies,
            max_sessions,
            ..
        } = &self.config;
        let scheme = tls.as_ref().map_or("http", |_| "https");
        write!(f, "listens on {scheme}://{listen} for {}", callers(access))?;
        let agents = counted(agents.len(), "agent");
        write!(f, ", offers {agents}, holds up to {max_sessions} sessions")?;
        match trusted_proxies.len() {
            0 => Ok(()),
            networks => write!(f, ", believes proxies of {}", counted(networks, "network")),
        }
    }
}

fn callers(access: &Access) -> String {
    match access {
        Access::Token(_) => "whoever has the access token".to_owned(),
        Access::Development => "anyone on this machine (development mode)".to_owned(),
        Access::Issuers(issuers) => {
            let names: Vec<_> = issuers.iter().map(|it| it.issuer.as_str()).collect();
            format!("whoever signs in at {}", names.join(" or "))
        }
        Access::Local(_) => "anyone on this machine, by any name (local issuer)".to_owned(),
    }
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
