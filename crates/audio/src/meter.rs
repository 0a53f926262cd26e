//! Sound levels.

/// What silence measures, in dBFS.
pub(crate) const FLOOR_DB: f32 = -90.0;

/// Measures the root mean square over a period.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    squares: f64,
    samples: u32,
}

impl Meter {
    /// Takes samples between -1.0 and 1.0.
    pub(crate) fn add(&mut self, samples: &[f32]) {
        self.squares += samples
            .iter()
            .map(|sample| f64::from(sample * sample))
            .sum::<f64>();
        self.samples += samples.len() as u32;
    }

    /// The level since the last call in dBFS, [`FLOOR_DB`] if there was no sound.
    pub(crate) fn take(&mut self) -> f32 {
        let Meter { squares, samples } = std::mem::take(self);
        if samples == 0 || squares <= 0.0 {
            return FLOOR_DB;
        }
        ((10.0 * (squares / f64::from(samples)).log10()) as f32).clamp(FLOOR_DB, 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_square_wave_is_0_db_and_half_of_it_6_db_less() {
        let mut meter = Meter::default();
        meter.add(&[1.0, -1.0, 1.0, -1.0]);
        assert_eq!(meter.take(), 0.0);
        meter.add(&[0.5, -0.5]);
        assert!((meter.take() + 6.02).abs() < 0.01);
    }

    #[test]
    fn nothing_and_silence_are_the_floor() {
        let mut meter = Meter::default();
        assert_eq!(meter.take(), FLOOR_DB);
        meter.add(&[0.0; 10]);
        assert_eq!(meter.take(), FLOOR_DB);
    }
}
