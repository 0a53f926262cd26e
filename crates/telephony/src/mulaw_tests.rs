//! Every code and every sample, against the tables of G.711 and against another implementation.

use std::process::Command;

use super::*;

/// CRC-32 (zlib's) of what [`PYTHON`] prints, made with CPython 3.11.7, whose `audioop` descends from
/// the G.711 code that Sun Microsystems published. It shares nothing with this crate.
const CRC_OF_CODES: u32 = 0x77A1_CE8E;
const CRC_OF_VALUES: u32 = 0x0C84_7A9F;

/// Python's code of every sample from -32768 up, then its value of every code, little-endian.
/// `audioop` drops the two lowest bits downwards and not towards zero; so they go before.
const PYTHON: &str = "
import array, audioop, sys
samples = array.array('h', [int(x / 4) * 4 for x in range(-32768, 32768)])
sys.stdout.buffer.write(audioop.lin2ulaw(samples.tobytes(), 2))
sys.stdout.buffer.write(audioop.ulaw2lin(bytes(range(256)), 2))
";

#[test]
fn every_sample_has_the_code_that_python_gives_it() {
    assert_eq!(crc32(&all_codes()), CRC_OF_CODES);
}

#[test]
fn every_code_has_the_value_that_python_gives_it() {
    assert_eq!(crc32(&all_values()), CRC_OF_VALUES);
}

#[test]
#[ignore = "needs a python3 that still has audioop: 3.12 or older"]
fn python_says_the_same_now() {
    let output = Command::new("python3")
        .args(["-W", "ignore", "-c", PYTHON])
        .output()
        .expect("python3 is installed");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout == [all_codes(), all_values()].concat());
}

/// ITU-T G.711, table 2a, from its end points and steps: the 128 decision values that intervals
/// begin with, and the values in them; in 14 bits.
fn table_2a() -> Vec<(i32, i32)> {
    let mut rows = vec![(0, 0)];
    rows.extend((1..16).map(|n| (2 * n - 1, 2 * n)));
    for (from, step) in [
        (31, 4),
        (95, 8),
        (223, 16),
        (479, 32),
        (991, 64),
        (2_015, 128),
        (4_063, 256),
    ] {
        rows.extend((0..16).map(|n| (from + step * n, from + step * n + step / 2)));
    }
    rows
}

#[test]
fn values_are_those_of_table_2() {
    let rows = table_2a();
    assert_eq!(rows.len(), 128);
    for (code, (_, value)) in (0..=127_u8).rev().zip(rows) {
        assert_eq!(i32::from(decode(code | 0x80)), value * 4, "{code}");
        assert_eq!(i32::from(decode(code)), value * -4, "{code}");
    }
}

#[test]
fn codes_are_those_of_the_intervals_of_table_2() {
    let rows = table_2a();
    for sample in i16::MIN..=i16::MAX {
        let magnitude = i32::from(sample).abs() / 4;
        let interval = rows.partition_point(|(from, _)| *from <= magnitude) - 1;
        let sign = if magnitude == 0 || sample > 0 {
            0x80
        } else {
            0
        };
        assert_eq!(
            usize::from(encode(sample)),
            sign + 127 - interval,
            "{sample}"
        );
    }
}

#[test]
fn codes_survive_the_way_there_and_back() {
    for code in 0..=u8::MAX {
        // There are two zeros, of which one is the negative one.
        let expected = if code == 0x7F { SILENCE } else { code };
        assert_eq!(encode(decode(code)), expected);
    }
}

#[test]
fn frames_are_appended() {
    let mut samples = vec![1];
    decode_to(&[SILENCE, 0x80, 0x00], &mut samples);
    assert_eq!(samples, [1, 0, 32_124, -32_124]);
    let mut codes = vec![7];
    encode_to(&samples[1..], &mut codes);
    assert_eq!(codes, [7, SILENCE, 0x80, 0x00]);
}

fn all_codes() -> Vec<u8> {
    (i16::MIN..=i16::MAX).map(encode).collect()
}

fn all_values() -> Vec<u8> {
    (0..=u8::MAX)
        .flat_map(|code| decode(code).to_le_bytes())
        .collect()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            crc >> 1 ^ (0xEDB8_8320 * (crc & 1))
        })
    })
}
