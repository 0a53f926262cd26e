//! `offhook devices`: what there is to speak into and to listen to.
#![allow(
    clippy::print_stdout,
    reason = "a command's result goes to standard output"
)]

use offhook_phone::Problem;
use offhook_phone::audio::{Device, Devices, devices};
use serde_json::{Value, json};

use crate::args::DevicesArgs;
use crate::call::Error;

pub(crate) fn run(args: &DevicesArgs) -> Result<(), Error> {
    let devices = devices().map_err(|error| Error::Problem(Problem::from(error)))?;
    if args.json {
        println!("{}", as_json(&devices));
    } else {
        show("Microphones", &devices.microphones);
        show("Speakers", &devices.speakers);
    }
    Ok(())
}

fn as_json(devices: &Devices) -> Value {
    let list = |devices: &[Device]| -> Vec<Value> {
        let device = |device: &Device| json!({ "id": device.id, "name": device.name, "default": device.is_default });
        devices.iter().map(device).collect()
    };
    json!({ "microphones": list(&devices.microphones), "speakers": list(&devices.speakers) })
}

fn show(title: &str, devices: &[Device]) {
    println!("{title}:");
    if devices.is_empty() {
        println!("  none");
    }
    for device in devices {
        let mark = if device.is_default { "*" } else { " " };
        println!("  {mark} {}  ({})", device.name, device.id);
    }
}
