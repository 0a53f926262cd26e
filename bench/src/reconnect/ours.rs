//! Offhook's own client, without a phone around it.

use std::net::SocketAddr;

use anyhow::Result;
use offhook_client::{Call, Config, Connector, Credential, Endpoint, Event};
use offhook_proto::client;

use super::caller::Cues;
use crate::numbered;

/// A call to the bridge behind `address`, as the softphone makes it.
pub(crate) fn config(connector: &Connector, address: SocketAddr) -> Result<Config> {
    let endpoint = Endpoint::new(
        &format!("http://{address}"),
        Credential::Mint { access_token: None },
    );
    Ok(Config {
        connector: connector.clone().without_proxy(),
        endpoint: endpoint?,
        agent: "test".to_owned(),
        session: client::Config::default(),
    })
}

/// Speaks until the call is to be closed, or has ended.
pub(super) async fn call(config: Config, mut cues: Cues) {
    let (call, mut events) = Call::start(config);
    loop {
        tokio::select! {
            event = events.recv() => {
                if matches!(event, None | Some(Event::State { state: client::State::Ended(_), .. })) {
                    break;
                }
            }
            frame = cues.microphone.frame() => {
                if call.audio(&numbered::frame(frame)).is_err() {
                    break;
                }
            }
            _ = &mut cues.close => {
                // Fails only for a call that has ended; otherwise its farewell follows.
                if call.hang_up().is_ok() {
                    while events.recv().await.is_some() {}
                }
                return;
            }
        }
    }
    // Where it ended by itself, the caller speaks on, to nobody.
    loop {
        tokio::select! {
            _ = cues.microphone.frame() => {}
            _ = &mut cues.close => return,
        }
    }
}
