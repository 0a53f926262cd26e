//! Tests of ring.rs.
