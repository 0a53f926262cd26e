//! Rigs for the tests that cross a boundary: real processes, sounds, displays and buses, each a
//! guard that is ready when it is handed out and gone when it is dropped.

pub mod browser;
pub mod bus;
pub mod clock;
pub mod counting;
pub mod display;
pub mod environment;
pub mod hosts;
pub mod http;
pub mod issuer;
pub mod keeper;
pub mod keyring;
pub mod local_issuer;
pub mod logs;
pub mod losing;
pub mod numbers;
pub mod offer;
pub mod orders;
pub mod program;
pub mod prompter;
pub mod pulse;
pub mod relay;
pub mod rogue;
pub mod scratch;
pub mod signal;
pub mod signed_in;
pub mod softphone;
pub mod sound;
pub mod terminal;
pub mod tls_front;
pub mod together;
pub mod web_driver;
