//! Which certificates are trusted: the system's, and a bundled copy of the public roots.

use std::sync::Arc;

use offhook_proto::client::Failure;
use rustls::{CertificateError, ClientConfig};
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
            detail: in_words(reason),
        },
        Some(other) => Failure::NotTheProtocol {
            detail: format!("TLS failed: {other}"),
        },
        None => Failure::Unreachable {
            detail: error.to_string(),
        },
    }
}

/// What is wrong with a certificate, for those who can do something about it.
fn in_words(reason: &CertificateError) -> String {
    match reason {
        CertificateError::UnknownIssuer => {
            "its certificate is from an authority that this computer does not trust".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; is this computer's clock right?".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name".to_owned()
        }
        CertificateError::Revoked => "its certificate was revoked".to_owned(),
        other => other.to_string(),
    }
}
