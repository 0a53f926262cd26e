//! The devices the system offers: one of the two files that know `cpal`.

use cpal::traits::{DeviceTrait, HostTrait};

use crate::Error;

/// A microphone or a speaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// What [`Microphone::Device`](crate::Microphone::Device) and
    /// [`Speaker::Device`](crate::Speaker::Device) refer to; stable for as long as the device is
    /// plugged in, on most systems for ever.
    pub id: String,
    /// The system's name for it, for people.
    pub name: String,
    /// Whether the system uses it when nothing is chosen.
    pub is_default: bool,
}

/// All devices, in the system's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Devices {
    /// Where sound comes from. Recordings of what a speaker plays ("monitors") are left out: a
    /// call on one would talk to itself.
    pub microphones: Vec<Device>,
    /// Where sound goes to.
    pub speakers: Vec<Device>,
}

/// Lists the devices of the system.
///
/// A computer without sound has empty lists; that is not an error. Blocks for as long as the
/// sound server takes to answer, usually about a millisecond.
///
/// # Errors
/// [`Error::DeviceUnusable`] if there is a sound system that cannot be asked, and
/// [`Error::MicrophoneDenied`] if there is one that does not let this program in.
pub fn devices() -> Result<Devices, Error> {
    match System::connect() {
        Ok(system) => system.devices(),
        Err(Unreachable::Absent) => Ok(Devices::default()),
        Err(Unreachable::Denied) => Err(Error::MicrophoneDenied),
    }
}

/// A connection to the system's sound: PipeWire, else PulseAudio, else ALSA on Linux, and what the
/// operating system has elsewhere.
pub(crate) struct System {
    host: cpal::Host,
}

/// Why there is no connection to the system's sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreachable {
    /// There is no sound system, or none that answers.
    Absent,
    /// There is one, and it does not let this program in.
    Denied,
}

/// A device to open, with what to call it.
pub(crate) struct Found {
    pub(crate) device: cpal::Device,
    pub(crate) id: String,
    pub(crate) name: String,
}

/// Which way sound flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Capture,
    Playback,
}

/// Hosts in the order they are tried where there is more than one; the others come after these.
///
/// ALSA is last because on most systems its default device leads back to one of the first two,
/// with worse timing and storms of errors when a sink wakes up.
const PREFERENCE: [&str; 3] = ["pipewire", "pulseaudio", "alsa"];

impl System {
    /// Connects to the best sound system there is.
    pub(crate) fn connect() -> Result<System, Unreachable> {
        let mut hosts = cpal::available_hosts();
        hosts.retain(|host| {
            host.to_string() != "jack" && (host.to_string() != "alsa" || has_sound_card())
        });
        hosts.sort_by_key(|host| {
            let name = host.to_string();
            PREFERENCE
                .iter()
                .position(|known| *known == name)
                .unwrap_or(PREFERENCE.len())
        });
        let mut why = Unreachable::Absent;
        for host in hosts {
            match cpal::host_from_id(host) {
                Ok(host) => return Ok(System { host }),
                Err(error) => {
                    tracing::debug!(%host, %error, "sound system not reachable");
                    if error.kind() == cpal::ErrorKind::PermissionDenied {
                        why = Unreachable::Denied;
                    }
                }
            }
        }
        Err(why)
    }

    /// Lists what there is.
    pub(crate) fn devices(&self) -> Result<Devices, Error> {
        Ok(Devices {
            microphones: self.listed(Direction::Capture)?,
            speakers: self.listed(Direction::Playback)?,
        })
    }

    /// The default device; none where there is none worth the name.
    pub(crate) fn default_device(&self, direction: Direction) -> Option<Found> {
        let device = match direction {
            Direction::Capture => self.host.default_input_device(),
            Direction::Playback => self.host.default_output_device(),
        }?;
        found(device).filter(|found| direction == Direction::Playback || !is_monitor(&found.id))
    }

    /// The device whose id, or failing that whose name, is `wanted`.
    pub(crate) fn device(&self, direction: Direction, wanted: &str) -> Result<Found, Error> {
        let all: Vec<Found> = self
            .every(direction)?
            .into_iter()
            .filter_map(found)
            .collect();
        let matches: [&dyn Fn(&Found) -> bool; 3] = [
            &|found| found.id == wanted,
            &|found| {
                found
                    .id
                    .split_once(':')
                    .is_some_and(|(_host, id)| id == wanted)
            },
            &|found| found.name.eq_ignore_ascii_case(wanted),
        ];
        let position = matches
            .iter()
            .find_map(|matches| all.iter().position(matches));
        position
            .and_then(|position| all.into_iter().nth(position))
            .ok_or_else(|| Error::UnknownDevice {
                name: wanted.to_owned(),
            })
    }

    /// The devices of one direction.
    pub(crate) fn listed(&self, direction: Direction) -> Result<Vec<Device>, Error> {
        let default = self.default_device(direction).map(|found| found.id);
        let devices = self.every(direction)?;
        Ok(devices
            .into_iter()
            .filter_map(found)
            .filter(|found| direction == Direction::Playback || !is_monitor(&found.id))
            .map(|Found { id, name, .. }| Device {
                is_default: default.as_ref() == Some(&id),
                id,
                name,
            })
            .collect())
    }

    fn every(&self, direction: Direction) -> Result<Vec<cpal::Device>, Error> {
        let unusable = |error: cpal::Error| Error::DeviceUnusable {
            device: "the sound system".to_owned(),
            detail: error.to_string(),
        };
        Ok(match direction {
            Direction::Capture => self.host.input_devices().map_err(unusable)?.collect(),
            Direction::Playback => self.host.output_devices().map_err(unusable)?.collect(),
        })
    }
}

fn found(device: cpal::Device) -> Option<Found> {
    let id = device.id().ok()?.to_string();
    let name = device.description().ok()?.name().to_owned();
    Some(Found { device, id, name })
}

/// Whether a source records what a sink plays, by PulseAudio's fixed naming.
fn is_monitor(id: &str) -> bool {
    id.starts_with("pulseaudio:") && id.ends_with(".monitor")
}

/// Whether the kernel has a sound card. Without one ALSA has nothing to offer but complaints on
/// standard error.
fn has_sound_card() -> bool {
    std::fs::read_to_string("/proc/asound/pcm").is_ok_and(|devices| !devices.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pulse_monitors_are_monitors() {
        assert!(is_monitor("pulseaudio:speakers.monitor"));
        assert!(!is_monitor("pulseaudio:studio.monitor.usb"));
        assert!(!is_monitor("wasapi:desk.monitor"));
    }
}
