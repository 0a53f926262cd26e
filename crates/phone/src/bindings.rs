//! Writes the window's TypeScript types, and fails where they are not what the Rust types say.

use std::path::Path;

use ts_rs::{Config, TS};

use crate::problem::Problem;
use crate::snapshot::{
    Account, AccountIntent, Activity, Adding, Agent, Call, Device, DeviceChoice, DevicePicker,
    DialStep, Directory, DropCause, EndReason, EntryStatus, Intent, KeyHeader, Line, Listing, Lost,
    Message, Meters, Party, Profile, ProfileKind, QrCode, Recent, ReconnectStep, Secret,
    SecretPlace, Secrets, SignInWay, Snapshot, Stats, TranscriptEntry,
};

fn declarations() -> String {
    fn one<T: TS>(config: &Config) -> String {
        format!(
            "{}export {}\n",
            T::docs().unwrap_or_default(),
            T::decl(config)
        )
    }
    let config = Config::default();
    let types = [
        one::<Snapshot>,
        one::<Agent>,
        one::<Call>,
        one::<DialStep>,
        one::<Line>,
        one::<ReconnectStep>,
        one::<DropCause>,
        one::<Lost>,
        one::<Activity>,
        one::<Stats>,
        one::<EndReason>,
        one::<Problem>,
        one::<DevicePicker>,
        one::<Device>,
        one::<DeviceChoice>,
        one::<TranscriptEntry>,
        one::<Party>,
        one::<EntryStatus>,
        one::<Message>,
        one::<Meters>,
        one::<Intent>,
        one::<Directory>,
        one::<Profile>,
        one::<ProfileKind>,
        one::<KeyHeader>,
        one::<Account>,
        one::<QrCode>,
        one::<Listing>,
        one::<Recent>,
        one::<Secrets>,
        one::<SecretPlace>,
        one::<Adding>,
        one::<Secret>,
        one::<SignInWay>,
        one::<AccountIntent>,
    ];
    let mut text =
        String::from("// Generated from crates/phone by `cargo xtask bindings`. Do not edit.\n\n");
    for declaration in types {
        text.push_str(&declaration(&config));
        text.push('\n');
    }
    text
}

#[test]
fn bindings_are_what_the_types_say() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/src/bindings.ts");
    let expected = declarations();
    if std::env::var_os("OFFHOOK_BLESS").is_some() {
        std::fs::write(&file, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == expected,
        "ui/src/bindings.ts is not what crates/phone says: run `cargo xtask bindings`"
    );
}
