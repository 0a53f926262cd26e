//! A vault in a process of its own, whose surroundings a test chooses: the program `secret-keeper`.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::environment::Environment;
use crate::orders::Orders;
use crate::program::workspace_program;

/// The variable with the passphrase of encrypted files.
pub const PASSPHRASE: &str = "SECRET_KEEPER_PASSPHRASE";

/// Starts one whose calls take no longer than `limit`.
///
/// # Errors
/// When it is not built or does not start.
pub fn start(environment: &Environment, limit: Duration) -> Result<Orders> {
    let mut command = workspace_program("secret-keeper")?;
    Orders::start(command.arg(limit.as_millis().to_string()), environment)
}

/// Starts one that may write no more than 4 KiB to any file: then its disk is full.
///
/// # Errors
/// When it is not built or does not start.
pub fn start_with_little_room(environment: &Environment, limit: Duration) -> Result<Orders> {
    let program = workspace_program("secret-keeper")?;
    let mut shell = Command::new("sh");
    shell
        // Blocks of 512 bytes; without the signal it is an error like any other.
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"])
        .arg(program.get_program())
        .arg(limit.as_millis().to_string());
    Orders::start(&mut shell, environment)
}
