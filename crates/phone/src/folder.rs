//! Where Offhook keeps what it remembers.

use std::env;
use std::path::PathBuf;

use etcetera::BaseStrategy as _;

/// Names another folder, for tests and for several users of one account.
const VARIABLE: &str = "OFFHOOK_DATA";

/// The user's folder for Offhook's data: `~/.local/share/offhook` (XDG Base Directory Specification),
/// `~/Library/Application Support/offhook`, `%APPDATA%\offhook`; or what `OFFHOOK_DATA` names. None
/// where the user has no home.
#[must_use]
pub fn data_folder() -> Option<PathBuf> {
    if let Some(named) = env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        return Some(named.into());
    }
    let strategy = etcetera::base_strategy::choose_native_strategy().ok()?;
    Some(strategy.data_dir().join("offhook"))
}
