//! Whether there is a screen; the toolkit would panic without one.

use crate::Error;

/// Fails where no window can be shown.
#[cfg(target_os = "linux")]
pub(crate) fn check() -> Result<(), Error> {
    let has = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if has("DISPLAY") || has("WAYLAND_DISPLAY") {
        Ok(())
    } else {
        Err(Error::NoDisplay)
    }
}

/// Fails where no window can be shown.
#[cfg(not(target_os = "linux"))]
pub(crate) fn check() -> Result<(), Error> {
    Ok(())
}
