//! One connection through the relay, from its acceptance to its end.

use std::net::Shutdown;
use std::pin::pin;

use socket2::SockRef;
use std::io;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::pump::{Ended, pump};
use super::{Arrivals, Fate, Shared, Way};

/// Carries a connection until it has ended.
pub(super) async fn run(
    shared: &Shared,
    connection: usize,
    client: TcpStream,
    arrivals: Arrivals,
    mut fate: watch::Receiver<Fate>,
) {
    let accepted = shared.clock.elapsed();
    match arrivals {
        Arrivals::Refused => reset([&client]),
        Arrivals::Swallowed => swallowed([&client], &mut fate).await,
        Arrivals::Forwarded | Arrivals::Unheard => {
            forward(shared, connection, &client, fate).await;
        }
        Arrivals::ClosedAfter(time) => {
            let forwarded = forward(shared, connection, &client, fate);
            tokio::select! {
                () = forwarded => {}
                () = shared.clock.shows(accepted + time) => finish([&client]).await,
            }
        }
    }
}

async fn forward(
    shared: &Shared,
    connection: usize,
    client: &TcpStream,
    mut fate: watch::Receiver<Fate>,
) {
    let target = shared.weather.borrow().target;
    let Ok(server) = TcpStream::connect(target).await else {
        return reset([client]);
    };
    for stream in [client, &server] {
        // It only delays small pieces where it fails.
        drop(stream.set_nodelay(true));
    }
    let both = [client, &server];
    let decided = {
        let mut up = pin!(pump(shared, connection, Way::Up, client, &server));
        let mut down = pin!(pump(shared, connection, Way::Down, &server, client));
        let mut open = [true; 2];
        loop {
            let ended = tokio::select! {
                biased;
                decided = fate.wait_for(|fate| *fate != Fate::Carried) => {
                    break decided.map_or(Fate::Reset, |fate| *fate);
                }
                ended = &mut up, if open[0] => { open[0] = false; ended }
                ended = &mut down, if open[1] => { open[1] = false; ended }
            };
            match ended {
                Ended::Broken => break Fate::Reset,
                Ended::Finished if open == [false; 2] => return,
                Ended::Finished => {}
            }
        }
    };
    match decided {
        Fate::Silent => swallowed(both, &mut fate).await,
        Fate::Finished => finish(both).await,
        Fate::Reset | Fate::Carried => reset(both),
    }
}

/// Reads nothing, says nothing, until something else is decided.
async fn swallowed<const N: usize>(streams: [&TcpStream; N], fate: &mut watch::Receiver<Fate>) {
    let ends = |fate: &Fate| matches!(fate, Fate::Reset | Fate::Finished);
    let decided = fate.wait_for(ends).await.map(|fate| *fate);
    match decided {
        Ok(Fate::Finished) => finish(streams).await,
        _ => reset(streams),
    }
}

/// Lets the system send a reset when the streams are dropped, which the caller does next.
fn reset<const N: usize>(streams: [&TcpStream; N]) {
    for stream in streams {
        // Fails only for a connection that is gone.
        drop(stream.set_zero_linger());
    }
}

/// Says that nothing more comes, and waits until the other side has said so too. What it says until
/// then is dropped: unread, it would make the system send a reset.
async fn finish<const N: usize>(streams: [&TcpStream; N]) {
    for stream in streams {
        // Fails only for a connection that is gone.
        drop(SockRef::from(stream).shutdown(Shutdown::Write));
    }
    for stream in streams {
        let mut scrap = [0; 4096];
        while stream.readable().await.is_ok() {
            match stream.try_read(&mut scrap) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => break,
            }
        }
    }
}
