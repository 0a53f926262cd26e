//! Which microphone and speaker there are, were chosen, and are in use.

use offhook_audio::{self as audio, Devices, Microphone, Speaker};

use crate::snapshot::{Device, DeviceChoice, DevicePicker};

/// Both pickers.
#[derive(Debug)]
pub(super) struct Pickers {
    available: Devices,
    microphone: Microphone,
    speaker: Speaker,
    microphone_in_use: Option<String>,
    speaker_in_use: Option<String>,
    /// What the running engine has reported as lost, in 20 ms frames.
    pub(super) engine_lost: u32,
}

impl Pickers {
    pub(super) fn new(microphone: Microphone, speaker: Speaker) -> Self {
        Self {
            available: Devices {
                microphones: Vec::new(),
                speakers: Vec::new(),
            },
            microphone,
            speaker,
            microphone_in_use: None,
            speaker_in_use: None,
            engine_lost: 0,
        }
    }

    pub(super) fn update(&mut self, available: Devices) {
        self.available = available;
    }

    pub(super) fn microphone(&self) -> DevicePicker {
        let chosen = match &self.microphone {
            Microphone::Device(id) => Some(id),
            Microphone::Default | Microphone::File(_) => None,
        };
        picker(
            &self.available.microphones,
            chosen,
            self.microphone_in_use.as_ref(),
        )
    }

    pub(super) fn speaker(&self) -> DevicePicker {
        let chosen = match &self.speaker {
            Speaker::Device(id) => Some(id),
            Speaker::Default | Speaker::File(_) => None,
        };
        picker(
            &self.available.speakers,
            chosen,
            self.speaker_in_use.as_ref(),
        )
    }

    pub(super) fn chosen_microphone(&self) -> Microphone {
        self.microphone.clone()
    }

    pub(super) fn chosen_speaker(&self) -> Speaker {
        self.speaker.clone()
    }

    pub(super) fn choose_microphone(&mut self, choice: DeviceChoice) -> Microphone {
        self.microphone = match choice {
            DeviceChoice::SystemDefault => Microphone::Default,
            DeviceChoice::Device { id } => Microphone::Device(id),
        };
        self.chosen_microphone()
    }

    pub(super) fn choose_speaker(&mut self, choice: DeviceChoice) -> Speaker {
        self.speaker = match choice {
            DeviceChoice::SystemDefault => Speaker::Default,
            DeviceChoice::Device { id } => Speaker::Device(id),
        };
        self.chosen_speaker()
    }

    pub(super) fn microphone_in_use(&mut self, name: String) {
        self.microphone_in_use = Some(name);
    }

    pub(super) fn speaker_in_use(&mut self, name: String) {
        self.speaker_in_use = Some(name);
    }

    /// Sound has stopped.
    pub(super) fn released(&mut self) {
        self.microphone_in_use = None;
        self.speaker_in_use = None;
        self.engine_lost = 0;
    }
}

fn picker(
    available: &[audio::Device],
    chosen: Option<&String>,
    in_use: Option<&String>,
) -> DevicePicker {
    let device = |device: &audio::Device| Device {
        id: device.id.clone(),
        name: device.name.clone(),
        is_default: device.is_default,
    };
    DevicePicker {
        available: available.iter().map(device).collect(),
        choice: chosen.map_or(DeviceChoice::SystemDefault, |id| DeviceChoice::Device {
            id: id.clone(),
        }),
        in_use: in_use.cloned(),
    }
}
