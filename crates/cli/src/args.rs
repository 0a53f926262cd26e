//! The commands and their options.
#![allow(rustdoc::bare_urls, reason = "these comments are the help texts")]

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Parser, Subcommand};
use offhook_bridge::AGENT;
use offhook_phone::audio::{Microphone, Speaker};

/// Talk to AI voice agents from the command line.
#[derive(Debug, Parser)]
#[command(name = "offhook", version, about, long_about = None, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Call an agent and talk to it.
    #[command(after_long_help = CALL_HELP)]
    Call(CallArgs),
    /// List microphones and speakers.
    Devices(DevicesArgs),
    /// Sign in at an organisation's bridge, once: calls from the window and from here use it.
    #[command(after_long_help = LOGIN_HELP)]
    Login(LoginArgs),
    /// Sign out: the sign-in service is told, and nothing is kept.
    Logout(LogoutArgs),
    /// Say where you are signed in, and where secrets are kept.
    Status(StatusArgs),
}

const CALL_HELP: &str = "\
Without --url the built-in test agent is called, which needs no network and no account: it greets \
you, listens, and plays your own words back.

A call whose microphone is a file, or that has something to --say, hangs up by itself when the \
agent has answered. Any other lasts until Ctrl-C, --for, or the agent's end.

Environment:
  OFFHOOK_ACCESS_TOKEN  the access token for the server at --url
  OFFHOOK_API_KEY       the API key, with --direct
  RUST_LOG              what to log to standard error, as in offhook_client=debug

Examples:
  offhook call
  offhook call --mic question.wav --speaker answer.wav --json
  offhook call sales --url https://bridge.example.com
  offhook call sales --at bridge.example.com
  offhook call gpt-realtime --url wss://api.example.com/v1/realtime --direct";

#[derive(Debug, ClapArgs)]
pub(crate) struct CallArgs {
    /// Who to call: an agent of the server's, or a model with --direct.
    #[arg(default_value = AGENT)]
    pub(crate) agent: String,

    /// The server to call, as in https://bridge.example.com [default: the built-in agent].
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,

    /// Call where you are signed in: a bridge, or its name in `offhook status`.
    #[arg(long, value_name = "URL|NAME", conflicts_with = "url")]
    pub(crate) at: Option<String>,

    #[command(flatten)]
    pub(crate) secrets: SecretsArgs,

    /// Show the credential to the server itself instead of buying a short-lived token with it:
    /// for OpenAI-compatible servers.
    #[arg(long, requires = "url")]
    pub(crate) direct: bool,

    /// The microphone's id or name, or a .wav file to speak [default: the system's].
    #[arg(long, value_name = "DEVICE|FILE.wav")]
    pub(crate) mic: Option<String>,

    /// The speaker's id or name, or a .wav file to write [default: the system's].
    #[arg(long, value_name = "DEVICE|FILE.wav")]
    pub(crate) speaker: Option<String>,

    /// Hang up after this time on the line.
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) limit: Option<std::time::Duration>,

    /// Type this to the agent as soon as it listens; may be given several times.
    #[arg(long, value_name = "TEXT")]
    pub(crate) say: Vec<String>,

    /// Leave the agent's own voice in what the microphone hears.
    #[arg(long)]
    pub(crate) no_echo_cancellation: bool,

    /// Print one JSON object a line for each event, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

const LOGIN_HELP: &str = "\
The page to sign in on opens in your browser; its address is printed as well. With --device a code is \
printed instead, to be typed on any other device: for computers without a browser, or far away.

A bridge that wants a token of its own takes it from OFFHOOK_ACCESS_TOKEN.

Environment:
  OFFHOOK_PASSPHRASE    the passphrase, with --keep-in file
  OFFHOOK_DATA          another folder for what Offhook remembers

Examples:
  offhook login bridge.example.com
  offhook login --device
  OFFHOOK_PASSPHRASE=... offhook login bridge.example.com --keep-in file";

#[derive(Debug, ClapArgs)]
pub(crate) struct LoginArgs {
    /// The bridge, as in bridge.example.com [default: the one that is known already].
    #[arg(value_name = "URL")]
    pub(crate) url: Option<String>,

    /// Sign in on another device, with a code.
    #[arg(long)]
    pub(crate) device: bool,

    /// Sign in again, also where somebody is signed in.
    #[arg(long)]
    pub(crate) again: bool,

    #[command(flatten)]
    pub(crate) secrets: SecretsArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LogoutArgs {
    /// The bridge, or its name in `offhook status` [default: the only one].
    #[arg(value_name = "URL|NAME")]
    pub(crate) at: Option<String>,

    #[command(flatten)]
    pub(crate) secrets: SecretsArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct StatusArgs {
    /// Print JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) secrets: SecretsArgs,
}

/// Where secrets are kept.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub(crate) struct SecretsArgs {
    /// Where secrets are kept: the system's keyring, or a file that OFFHOOK_PASSPHRASE encrypts.
    #[arg(long = "keep-in", value_name = "PLACE", value_enum, default_value_t)]
    pub(crate) place: Place,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Place {
    /// The system's keyring.
    #[default]
    System,
    /// An encrypted file.
    File,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DevicesArgs {
    /// Print JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

impl CallArgs {
    pub(crate) fn microphone(&self) -> Microphone {
        match self.mic.as_deref() {
            None => Microphone::Default,
            Some(name) if is_wav(name) => Microphone::File(PathBuf::from(name)),
            Some(name) => Microphone::Device(name.to_owned()),
        }
    }

    pub(crate) fn speaker(&self) -> Speaker {
        match self.speaker.as_deref() {
            None => Speaker::Default,
            Some(name) if is_wav(name) => Speaker::File(PathBuf::from(name)),
            Some(name) => Speaker::Device(name.to_owned()),
        }
    }
}

/// Whether a name means a sound file. Devices may have any name, but none ends like this.
fn is_wav(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("wav"))
}

fn seconds(text: &str) -> Result<std::time::Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if seconds <= 0.0 {
        return Err("it has to be more than 0".to_owned());
    }
    std::time::Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_options_make_sense() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_wav_is_told_from_a_device() {
        let parse = |words: &[&str]| match Args::parse_from(words).command {
            Command::Call(call) => call,
            _ => panic!("call"),
        };
        let call = parse(&["offhook", "call", "--mic", "a/b.WAV", "--speaker", "HDMI 1"]);
        assert_eq!(call.agent, AGENT);
        assert_eq!(
            call.microphone(),
            Microphone::File(PathBuf::from("a/b.WAV"))
        );
        assert_eq!(call.speaker(), Speaker::Device("HDMI 1".to_owned()));
        assert!(Args::try_parse_from(["offhook", "call", "--for", "0"]).is_err());
        assert!(Args::try_parse_from(["offhook", "call", "--direct"]).is_err());
    }
}
