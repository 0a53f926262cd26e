//! Which certificates are trusted: the system's, and a bundled copy of the public roots.

use std::sync::Arc;

use offhook_proto::client::Failure;
use rustls::ClientConfig;
use rustls_platform_verifier::Verifier;

/// TLS settings that trust what the operating system trusts (a company's private CA included) and,
/// where the system's store is missing or stale, Mozilla's public roots.
///
/// # Errors
/// Where the system's store cannot be read at all.
pub(crate) fn client_config() -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let bundled = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned();
    let verifier = Verifier::new_with_extra_roots(bundled, Arc::clone(&provider))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// What a failed handshake means.
pub(crate) fn failure(error: &std::io::Error) -> Failure {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(reason)) => Failure::Untrusted {
            detail: reason.to_string(),
        },
        Some(other) => Failure::NotTheProtocol {
            detail: format!("TLS failed: {other}"),
        },
        None => Failure::Unreachable {
            detail: error.to_string(),
        },
    }
}
