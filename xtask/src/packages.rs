//! What has to be installed for which purpose, on every system.

use clap::ValueEnum;

use crate::paths;

/// What someone wants to do with this repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Purpose {
    /// Make a headless call
    Headless,
    /// Build and open the window
    Window,
    /// Run every check and test
    Test,
    /// Speak the prompts
    Prompts,
}

/// To compile the engine: a linker, and ALSA's headers, which cpal links on Linux.
const ENGINE: [&str; 3] = ["build-essential", "libasound2-dev", "pkg-config"];

/// To compile the window: WebKitGTK, GTK, the tray's library, and SVG icons.
const WINDOW: [&str; 4] = [
    "libayatana-appindicator3-dev",
    "libgtk-3-dev",
    "librsvg2-dev",
    "libwebkit2gtk-4.1-dev",
];

/// To test: a display, a session bus, a keyring with its prompts, a sound server, drivers for the
/// window and for the browser, a font, proxies, and a network to take apart.
const RIGS: [&str; 16] = [
    "chromium-driver",
    "dbus",
    "fonts-dejavu-core",
    "gcr",
    "gnome-keyring",
    "iproute2",
    "libsecret-tools",
    "microsocks",
    "nftables",
    "pulseaudio",
    "pulseaudio-utils",
    "tinyproxy-bin",
    "webkit2gtk-driver",
    "xauth",
    "xdotool",
    "xvfb",
];

/// To speak and cut prompts.
const SPEECH: [&str; 2] = ["espeak-ng", "sox"];

/// The browsers the page's tests can run in and people sign in with, the preferred one first.
pub(crate) const BROWSERS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
];

impl Purpose {
    /// Debian's names of the packages this needs.
    pub(crate) fn debian(self) -> Vec<&'static str> {
        let mut packages = Vec::new();
        match self {
            Purpose::Headless => packages.extend(ENGINE),
            Purpose::Window => packages.extend(ENGINE.iter().chain(&WINDOW)),
            Purpose::Test => {
                packages.extend(ENGINE.iter().chain(&WINDOW).chain(&RIGS));
                if !BROWSERS.iter().any(|name| paths::program(name).is_some()) {
                    packages.push("chromium");
                }
            }
            Purpose::Prompts => packages.extend(SPEECH),
        }
        packages
    }

    /// Whether this needs Node and the page's packages.
    pub(crate) fn needs_node(self) -> bool {
        matches!(self, Purpose::Window | Purpose::Test)
    }

    /// The programs and pkg-config modules whose absence can be seen without a package manager.
    pub(crate) fn traces(self) -> Vec<Trace> {
        let mut traces = Vec::new();
        if cfg!(target_os = "linux") {
            if self != Purpose::Prompts {
                traces.extend([Trace::Program("cc"), Trace::Module("alsa")]);
            }
            if self.needs_node() {
                traces.extend([
                    Trace::Module("webkit2gtk-4.1"),
                    Trace::Module("gtk+-3.0"),
                    Trace::Module("librsvg-2.0"),
                    Trace::Module("ayatana-appindicator3-0.1"),
                ]);
            }
            if self == Purpose::Test {
                traces.extend(
                    [
                        "Xvfb",
                        "dbus-daemon",
                        "pulseaudio",
                        "paplay",
                        "parec",
                        "WebKitWebDriver",
                        "chromedriver",
                        "microsocks",
                        "tinyproxy",
                        "gnome-keyring-daemon",
                        "secret-tool",
                        "xdotool",
                    ]
                    .map(Trace::Program),
                );
            }
        }
        if self == Purpose::Prompts {
            traces.extend(["espeak-ng", "sox"].map(Trace::Program));
        }
        traces
    }
}

/// Something whose presence can be checked on any system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trace {
    /// A program on the search path.
    Program(&'static str),
    /// A library known to pkg-config, with its headers.
    Module(&'static str),
}

/// What to install on a system whose packages are not managed from here.
pub(crate) fn advice() -> &'static str {
    if cfg!(target_os = "macos") {
        "Xcode's command line tools (xcode-select --install), and Node 20.19 or later"
    } else if cfg!(windows) {
        "Visual Studio's C++ build tools, the WebView2 runtime (part of Windows 11), and Node \
         20.19 or later"
    } else {
        "your distribution's development packages of WebKitGTK 4.1, GTK 3, librsvg, Ayatana \
         AppIndicator and ALSA; for the tests also Xvfb, D-Bus, PulseAudio, WebKitWebDriver, \
         Chromium and chromedriver, tinyproxy, microsocks, GNOME Keyring with gcr and secret-tool, \
         xdotool, and, to take networks apart as root, iproute2 and nftables"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_headless_call_needs_neither_window_nor_node() {
        let packages = Purpose::Headless.debian();
        assert!(
            WINDOW
                .iter()
                .chain(&RIGS)
                .all(|name| !packages.contains(name))
        );
        assert!(!Purpose::Headless.needs_node());
    }

    #[test]
    fn testing_needs_all_that_the_window_needs() {
        let test = Purpose::Test.debian();
        assert!(
            Purpose::Window
                .debian()
                .iter()
                .all(|name| test.contains(name))
        );
    }
}
