//! Tests of the client end against a server that is played by hand.
