//! Breaking the connections there are.

use super::World;
use crate::fault::Cut;
use crate::net::{Link, Packet};
use crate::random::Random;

impl World {
    pub(super) fn cut(&mut self, cut: Cut) {
        let (now, up, down) = (self.now, self.conditions.up, self.conditions.down);
        let random = &mut self.random;
        for link in &mut self.links {
            let some = |random: &mut Random, count: usize| {
                usize::try_from(random.below(count as u64 + 1)).unwrap_or(count)
            };
            let break_to = |link: &mut Link, random: &mut Random, client, server| {
                link.up.keep_first(0);
                link.down.keep_first(0);
                if client {
                    link.down.send(now, down, random, Packet::Reset);
                }
                if server {
                    link.up.send(now, up, random, Packet::Reset);
                }
                link.up.severed = true;
                link.down.severed = true;
            };
            match cut {
                Cut::Reset => break_to(link, random, true, true),
                Cut::ResetClient => break_to(link, random, true, false),
                Cut::ResetServer => break_to(link, random, false, true),
                Cut::Fin => {
                    for (pipe, way) in [(&mut link.up, up), (&mut link.down, down)] {
                        let count = some(random, pipe.len());
                        pipe.keep_first(count);
                        pipe.send(now, way, random, Packet::Fin);
                        pipe.severed = true;
                    }
                }
                Cut::Silent | Cut::SilentUp => {
                    let count = some(random, link.up.len());
                    link.up.keep_first(count);
                    link.up.severed = true;
                    if cut == Cut::Silent {
                        let count = some(random, link.down.len());
                        link.down.keep_first(count);
                        link.down.severed = true;
                    }
                }
                Cut::SilentDown => {
                    let count = some(random, link.down.len());
                    link.down.keep_first(count);
                    link.down.severed = true;
                }
            }
        }
    }
}
