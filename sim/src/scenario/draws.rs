//! One fault of a kind, drawn.

use offhook_proto::client::Network;

use super::way;
use crate::fault::{Cut, Door, Fault, Flap, Intruder, Offer, Outage, Refresh, Restart};
use crate::net::Way;
use crate::random::Random;
use crate::time::{HOUR, MS, S, Us};

pub(super) fn cut(random: &mut Random) -> Fault {
    Fault::Cut(any_cut(random))
}

pub(super) fn any_cut(random: &mut Random) -> Cut {
    random.pick(&[
        Cut::Reset,
        Cut::Reset,
        Cut::ResetClient,
        Cut::ResetServer,
        Cut::Fin,
        Cut::Silent,
        Cut::SilentUp,
        Cut::SilentDown,
    ])
}

pub(super) fn outage(random: &mut Random) -> Fault {
    let lasts = match random.below(10) {
        0..=7 => random.spread(50 * MS, 28 * S),
        8 => random.within(28 * S, 60 * S),
        _ => random.within(60 * S, 150 * S),
    };
    Fault::Outage(Outage {
        lasts,
        told: random.per_mille(600),
        cut: random.per_mille(500).then(|| any_cut(random)),
        fails_fast: random.per_mille(500),
    })
}

pub(super) fn mobile(random: &mut Random) -> Fault {
    match random.below(6) {
        0 => outage(random),
        1 => cut(random),
        2 => Fault::Ways {
            up: way(random),
            down: way(random),
        },
        3 => Fault::WallJump,
        4 => Fault::RetryNow,
        _ => Fault::Hint(random.pick(&[Network::Changed, Network::Up, Network::Down])),
    }
}

pub(super) fn slow(random: &mut Random) -> Fault {
    let narrow = |random: &mut Random| Way {
        bandwidth: random.pick(&[20_000, 64_000, 100_000]),
        ..way(random)
    };
    match random.below(5) {
        0 => Fault::Ways {
            up: narrow(random),
            down: way(random),
        },
        1 => Fault::Ways {
            up: way(random),
            down: narrow(random),
        },
        2 => Fault::Ways {
            up: way(random),
            down: way(random),
        },
        _ => {
            let up = random.per_mille(700);
            Fault::Stall {
                up,
                down: !up || random.per_mille(500),
                lasts: random.spread(20 * MS, 12 * S),
            }
        }
    }
}

pub(super) fn downtime(random: &mut Random) -> Us {
    match random.below(8) {
        0 => 0,
        1 => random.within(20 * S, 60 * S),
        _ => random.spread(10 * MS, 15 * S),
    }
}

pub(super) fn crash(random: &mut Random) -> Fault {
    let how = match random.below(8) {
        0 => return Fault::UpstreamDies,
        1 => Restart::Shutdown,
        _ => Restart::Crash {
            silent: random.per_mille(300),
        },
    };
    Fault::Restart {
        how,
        down: downtime(random),
    }
}

pub(super) fn drain(random: &mut Random) -> Fault {
    let deadline = random.spread(100 * MS, 20 * S);
    let reconnect_after = random.below(deadline + 3 * S);
    let how = match random.below(5) {
        0 => Restart::Shutdown,
        1 | 2 => Restart::DrainSame {
            deadline,
            reconnect_after,
        },
        _ => Restart::DrainAway {
            deadline,
            reconnect_after,
        },
    };
    Fault::Restart {
        how,
        down: downtime(random).min(10 * S),
    }
}

pub(super) fn pause(random: &mut Random) -> Fault {
    let lasts = random.spread(20 * MS, 40 * S);
    if random.per_mille(500) {
        Fault::ClientPause(lasts)
    } else {
        Fault::ServerPause(lasts)
    }
}

pub(super) fn refusal(random: &mut Random) -> Fault {
    Fault::Refuse {
        door: random.pick(&[Door::Mint, Door::Upgrade, Door::Both]),
        status: random.pick(&[401, 403, 409, 429, 429, 503, 503, 500, 502, 404]),
        retry_after: random
            .per_mille(500)
            .then(|| random.spread(S, 20 * S) / S * S),
        lasts: random.spread(10 * MS, 30 * S),
    }
}

pub(super) fn token(random: &mut Random) -> Fault {
    let lasts = random.spread(100 * MS, 40 * S);
    match random.below(7) {
        0 => Fault::TokenService {
            answers_after: None,
            lasts,
        },
        1 => Fault::TokenService {
            answers_after: Some(random.spread(S, 15 * S)),
            lasts,
        },
        2 => Fault::OldTokens {
            left: random.within(100 * MS, 9 * S),
            lasts,
        },
        3 => Fault::RequireRefresh {
            deadline: random.within(S, 20 * S),
        },
        4 => Fault::Refuse {
            door: Door::Mint,
            status: random.pick(&[429, 500, 503]),
            retry_after: None,
            lasts,
        },
        _ => Fault::Refresh {
            how: random.pick(&[
                Refresh::Slow(2 * S),
                Refresh::Slow(11 * S),
                Refresh::Lost,
                Refresh::Refused,
            ]),
            lasts,
        },
    }
}

pub(super) fn nap(random: &mut Random) -> Fault {
    Fault::Sleep {
        lasts: match random.below(4) {
            0 => random.spread(S, 10 * S),
            1 => random.spread(10 * S, 5 * 60 * S),
            2 => random.spread(5 * 60 * S, 8 * HOUR),
            _ => random.spread(8 * HOUR, 100 * HOUR),
        },
        told: random.per_mille(700),
        cuts: random.per_mille(600),
    }
}

pub(super) fn flap(random: &mut Random) -> Fault {
    Fault::Flap {
        after: random.pick(&[0, 50 * MS, 50 * MS, 500 * MS, 3 * S]),
        how: random.pick(&[
            Flap::Reset,
            Flap::Close(1011),
            Flap::Close(1013),
            Flap::Close(1012),
            Flap::Close(1001),
            Flap::Close(1014),
            Flap::Close(4401),
            Flap::Close(4408),
            Flap::Close(4429),
        ]),
        lasts: random.spread(S, 90 * S),
    }
}

pub(super) fn intruder(random: &mut Random) -> Fault {
    Fault::Intruder(random.pick(&[
        Intruder::SpeaksAtOnce,
        Intruder::Silent,
        Intruder::WrongResume,
    ]))
}

pub(super) fn anything_plain(random: &mut Random) -> Fault {
    match random.below(8) {
        0 => outage(random),
        1 => mobile(random),
        2 => slow(random),
        3 => crash(random),
        4 => nap(random),
        5 => pause(random),
        _ => cut(random),
    }
}

pub(super) fn anything(random: &mut Random) -> Fault {
    match random.below(20) {
        0 | 1 => outage(random),
        2 | 3 => mobile(random),
        4 | 5 => slow(random),
        6 => crash(random),
        7 => drain(random),
        8 => pause(random),
        // 401, 403 and the like end a call: they have classes of their own.
        9 => Fault::Refuse {
            door: random.pick(&[Door::Mint, Door::Upgrade, Door::Both]),
            status: random.pick(&[409, 429, 503, 500]),
            retry_after: None,
            lasts: random.spread(10 * MS, 20 * S),
        },
        10 => token(random),
        11 => nap(random),
        12 => flap(random),
        13 => intruder(random),
        14 => Fault::Protocol(random.pick(&[
            Offer::Bin,
            Offer::Json,
            Offer::Alternating,
            Offer::Plain,
        ])),
        _ => cut(random),
    }
}
