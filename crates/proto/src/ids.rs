//! Identifiers in the form the OpenAI API uses, from a seeded generator.

use alloc::string::String;

use crate::random::Random;

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LENGTH: usize = 21;

/// Makes identifiers such as `item_CYqJ0…`: unique within a session, not secret.
///
/// The same seed yields the same identifiers, so that a simulated call can be replayed. Whoever
/// needs them unique across processes seeds from the system's entropy.
#[derive(Debug, Clone)]
pub struct Ids {
    random: Random,
}

impl Ids {
    /// A generator that always yields the same sequence for the same seed.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self {
            random: Random::seeded(seed),
        }
    }

    /// A new identifier: `prefix`, an underscore and 21 letters and digits.
    pub fn next(&mut self, prefix: &str) -> String {
        let mut id = String::with_capacity(prefix.len() + 1 + LENGTH);
        id.push_str(prefix);
        id.push('_');
        let mut bits = 0;
        for place in 0..LENGTH {
            // Ten symbols of base 62 fit into 64 bits.
            if place % 10 == 0 {
                bits = self.random.bits();
            }
            id.push(char::from(ALPHABET[(bits % 62) as usize]));
            bits /= 62;
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn identifiers_repeat_by_seed_and_differ_within_it() {
        let mut ids = Ids::seeded(7);
        let first: alloc::vec::Vec<_> = (0..1000).map(|_| ids.next("item")).collect();
        let mut again = Ids::seeded(7);
        assert!(first.iter().all(|id| *id == again.next("item")));
        assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 1000);
        assert!(first[0].starts_with("item_") && first[0].len() == "item_".len() + LENGTH);
    }
}
