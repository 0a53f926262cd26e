//! What a bridge says: how to sign in there, and who can be called.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use offhook_client::proto::client::Failure;
use offhook_client::{Connector, Credential, Endpoint, refusal};
use serde::Deserialize;

use super::problems::{bad_address, failed};
use crate::model::{AgentEntry, Offer};
use crate::problem::Problem;
use crate::snapshot::Agent;

/// Nobody looks through more.
const MOST_AGENTS: usize = 500;

/// What the bridge at `url` says of itself (`/.well-known/offhook`, RFC 8615).
pub(super) async fn offer(connector: &Connector, url: &str) -> Result<Offer, Problem> {
    let open = Credential::Mint { access_token: None };
    let endpoint = Endpoint::new(url, open).map_err(|error| bad_address(url, &error))?;
    let request = get(&endpoint, ".well-known/offhook")?;
    let response = connector.fetch(request).await;
    let response = response.map_err(|failure| failed(failure, &endpoint, ""))?;
    let no_bridge = || Problem::NotABridge {
        host: endpoint.host().to_owned(),
    };
    match response.status() {
        StatusCode::OK => serde_json::from_slice(response.body()).map_err(|_| no_bridge()),
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            Err(refused(&response, &endpoint))
        }
        _ => Err(no_bridge()),
    }
}

#[derive(Deserialize)]
struct Listed {
    agents: Vec<ListedAgent>,
}

#[derive(Deserialize)]
struct ListedAgent {
    id: String,
    name: String,
    description: Option<String>,
    language: Option<String>,
    color: Option<String>,
}

/// Who can be called at a bridge (`GET /v1/agents`).
pub(super) async fn agents(
    connector: &Connector,
    endpoint: &Endpoint,
) -> Result<Vec<AgentEntry>, Problem> {
    let request = get(endpoint, "v1/agents")?;
    let response = connector
        .fetch_authorised(request, endpoint.credential())
        .await;
    let response = response.map_err(|failure| failed(failure, endpoint, ""))?;
    if response.status() != StatusCode::OK {
        return Err(refused(&response, endpoint));
    }
    let listed: Result<Listed, _> = serde_json::from_slice(response.body());
    let listed = listed.map_err(|error| Problem::BadMessage {
        detail: format!("the list of agents cannot be read ({error})"),
    })?;
    let agents = listed.agents.into_iter().take(MOST_AGENTS);
    let entry = |agent: ListedAgent| AgentEntry {
        agent: Agent {
            id: agent.id,
            name: agent.name,
            description: agent.description.filter(|text| !text.is_empty()),
            language: agent.language,
            color: agent.color.filter(|color| is_color(color)),
            favourite: false,
            built_in: false,
        },
        endpoint: endpoint.clone(),
    };
    Ok(agents.map(entry).collect())
}

fn get(endpoint: &Endpoint, path: &str) -> Result<Request<Bytes>, Problem> {
    let url = endpoint.beside(path);
    let request = Request::get(url.as_str()).body(Bytes::new());
    request.map_err(|error| bad_address(url.as_str(), &error))
}

fn refused(response: &Response<Bytes>, endpoint: &Endpoint) -> Problem {
    let failure: Failure = refusal(response.status(), response.headers(), response.body());
    failed(failure, endpoint, "")
}

/// `#rrggbb`: what comes from a server goes into a style sheet.
fn is_color(color: &str) -> bool {
    let digits = color.strip_prefix('#');
    digits.is_some_and(|digits| {
        digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::is_color;

    #[test]
    fn a_colour_is_nothing_else() {
        assert!(is_color("#0b6B58"));
        for other in ["0b6b58", "#fff", "#0b6b58;", "red", "#gggggg", ""] {
            assert!(!is_color(other), "{other}");
        }
    }
}
