//! Reading anew what is in files, while the bridge serves.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use tracing::{error, info};

use crate::http::State;

/// Has a bridge's files read anew: its certificate, and the keys of its tokens. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reloader {
    pub(crate) state: Arc<State>,
}

impl Reloader {
    /// Reads them. What cannot be used changes nothing, and the log says why. Connections there are
    /// stay as they are, and so do tokens of a key that is still there.
    pub async fn reload(&self) {
        if let Some(tls) = &self.state.tls {
            tls.certificate.reload().await;
        }
        if self.state.config.token_keys.is_some() {
            let state = Arc::clone(&self.state);
            // Files are waited for elsewhere than where calls run.
            match spawn_blocking(move || state.tokens.reload()).await {
                Ok(Ok(())) => info!("the keys of tokens were read anew"),
                Ok(Err(error)) => error!(%error, "the keys of tokens stay as they were"),
                Err(error) => error!(%error, "the keys of tokens stay as they were"),
            }
        }
    }
}
