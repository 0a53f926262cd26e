//! The client end of a session.
/// Placeholder.
#[derive(Debug)]
pub struct Client;
