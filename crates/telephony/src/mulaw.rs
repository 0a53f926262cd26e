//! G.711 mu-law: 8 bits a sample on the wire, 16-bit linear samples in here.
//!
//! ITU-T G.711 (11/88), table 2, is written in 14 bits; a 16-bit sample is four times that. Of one
//! that is to be encoded the two lowest bits go, towards zero.

/// The code of silence: +0.
pub const SILENCE: u8 = 0xFF;

/// The linear value of a code.
#[must_use]
pub const fn decode(code: u8) -> i16 {
    LINEAR[code as usize]
}

/// The code of a linear value: of the interval between two decision values that it is in.
#[must_use]
pub const fn encode(sample: i16) -> u8 {
    let sample = sample / 4;
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = sample.unsigned_abs() + BIAS;
    let magnitude = if magnitude > LARGEST {
        LARGEST
    } else {
        magnitude
    };
    // The bias puts the highest bit that is set at 5 to 12: that is the segment. The four bits
    // below it are the step in it.
    let segment = magnitude.ilog2() as u16 - 5;
    let step = magnitude >> (segment + 1) & 0x0F;
    !(sign | segment << 4 | step) as u8
}

/// Appends the linear values of `codes` to `samples`.
pub fn decode_to(codes: &[u8], samples: &mut Vec<i16>) {
    samples.extend(codes.iter().map(|code| decode(*code)));
}

/// Appends the codes of `samples` to `codes`.
pub fn encode_to(samples: &[i16], codes: &mut Vec<u8>) {
    codes.extend(samples.iter().map(|sample| encode(*sample)));
}

/// What is added to 14-bit magnitudes so that segments begin at powers of two.
const BIAS: u16 = 33;
/// The largest magnitude there is a code for, bias included.
const LARGEST: u16 = 0x1FFF;

const LINEAR: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let bits = !(code as u8);
        let segment = bits >> 4 & 7;
        let step = (bits & 0x0F) as i16;
        let magnitude = (((step << 1) + BIAS as i16) << segment) - BIAS as i16;
        table[code] = if bits & 0x80 == 0 {
            magnitude * 4
        } else {
            magnitude * -4
        };
        code += 1;
    }
    table
};

#[cfg(test)]
#[path = "mulaw_tests.rs"]
mod tests;
