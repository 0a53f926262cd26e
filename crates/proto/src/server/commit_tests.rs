//! Tests of commit.rs.
