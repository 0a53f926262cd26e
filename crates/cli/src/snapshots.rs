//! Snapshots for the tests of whatever shows them or acts on them.

use offhook_phone::{
    Activity, Agent, Call, DeviceChoice, DevicePicker, Line, Message, Snapshot, Stats,
};

/// A call that is up, with this agent on this line.
pub(crate) fn live(activity: Activity, line: Line) -> Message {
    let picker = DevicePicker {
        available: Vec::new(),
        choice: DeviceChoice::SystemDefault,
        in_use: None,
    };
    Message::Snapshot(Box::new(Snapshot {
        revision: 1,
        version: String::new(),
        call: Call::Live {
            agent: Agent {
                id: "test".to_owned(),
                name: "Test".to_owned(),
                description: None,
                language: None,
                color: None,
                favourite: false,
                built_in: true,
            },
            line,
            activity,
            stats: Stats::default(),
        },
        muted: false,
        microphone: picker.clone(),
        speaker: picker,
        notice: None,
    }))
}
