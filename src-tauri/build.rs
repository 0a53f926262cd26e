//! Embeds the window's configuration, and declares the only two commands it may use.

fn main() {
    let commands = tauri_build::AppManifest::new().commands(&["subscribe", "dispatch"]);
    let attributes = tauri_build::Attributes::new().app_manifest(commands);
    if let Err(error) = tauri_build::try_build(attributes) {
        panic!("the window's configuration is not valid: {error:#}");
    }
}
