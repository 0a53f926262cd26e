//! Notices when devices come and go.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use crate::devices::{Devices, System};

/// How often the system is asked. No sound system reports every change by itself.
const PERIOD: Duration = Duration::from_secs(1);

/// Watches the devices for as long as it lives.
#[must_use = "dropping it ends the watch"]
#[derive(Debug)]
pub struct DeviceWatch {
    /// Never sent on: its end tells the thread to stop.
    _stop: mpsc::SyncSender<()>,
}

/// Calls `on_change` once with the devices there are, and again whenever the list or a default
/// changed, at most once a second, from a thread of its own.
///
/// The thread stops within a second after the [`DeviceWatch`] was dropped. Where the system
/// refuses the thread, nothing is ever called.
pub fn watch_devices(on_change: impl FnMut(Devices) + Send + 'static) -> DeviceWatch {
    let (stop, stopped) = mpsc::sync_channel(0);
    let spawned = thread::Builder::new()
        .name("audio-devices".to_owned())
        .spawn(move || watch(&stopped, on_change));
    if let Err(error) = spawned {
        tracing::warn!(%error, "devices are not watched");
    }
    DeviceWatch { _stop: stop }
}

fn watch(stopped: &mpsc::Receiver<()>, mut on_change: impl FnMut(Devices)) {
    let mut system = None;
    let mut last = None;
    loop {
        if system.is_none() {
            system = System::connect().ok();
        }
        let devices = match system.as_ref().map(System::devices) {
            None => Devices::default(),
            Some(Ok(devices)) => devices,
            Some(Err(_)) => {
                system = None;
                Devices::default()
            }
        };
        if last.as_ref() != Some(&devices) {
            last = Some(devices.clone());
            on_change(devices);
        }
        match stopped.recv_timeout(PERIOD) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
