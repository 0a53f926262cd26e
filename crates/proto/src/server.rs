//! The server end of a session.
/// Placeholder.
#[derive(Debug)]
pub struct Server;
