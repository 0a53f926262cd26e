//! Each fault as both ends see it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpListener as Listener;
use std::net::TcpStream as Stream;

use super::*;
use crate::clock::wait_until;

const PATIENCE: Duration = Duration::from_secs(20);
/// Long for a loopback interface, short for a test.
const WHILE: Duration = Duration::from_millis(200);

/// Says everything back, and its connections end as they are ended.
struct Echo {
    address: SocketAddr,
    ends: std::sync::mpsc::Receiver<std::io::Result<usize>>,
}

impl Echo {
    fn start() -> Self {
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, ends) = sync_channel(64);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let sender = sender.clone();
                thread::spawn(move || {
                    let mut piece = [0; 4096];
                    let end = loop {
                        match stream.read(&mut piece) {
                            Ok(count @ 1..) => drop(stream.write_all(&piece[..count])),
                            end => break end,
                        }
                    };
                    drop(sender.send(end));
                });
            }
        });
        Self { address, ends }
    }

    /// How the next connection to end has ended: in an orderly way, or by a reset.
    fn end(&self) -> Result<usize, ErrorKind> {
        let end = self.ends.recv_timeout(PATIENCE).expect("no end in time");
        end.map_err(|error| error.kind())
    }
}

fn connected(relay: &Relay) -> Stream {
    let stream = Stream::connect(relay.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// What comes back for `text`.
fn said(stream: &mut Stream, text: &[u8]) -> Vec<u8> {
    stream.write_all(text).unwrap();
    heard(stream, text.len())
}

fn heard(stream: &mut Stream, count: usize) -> Vec<u8> {
    let mut heard = vec![0; count];
    stream.read_exact(&mut heard).unwrap();
    heard
}

/// A relay before an echo, and a connection through it that works.
fn talking() -> (Echo, Relay, Stream) {
    let echo = Echo::start();
    let relay = Relay::start(echo.address).unwrap();
    let mut stream = connected(&relay);
    assert_eq!(said(&mut stream, b"hello"), b"hello");
    (echo, relay, stream)
}

/// Nothing comes, and nothing ends.
fn is_silent(stream: &mut Stream) -> bool {
    stream.set_read_timeout(Some(WHILE)).unwrap();
    let end = stream.read(&mut [0; 1]);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    matches!(end, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

fn end(stream: &mut Stream) -> Result<usize, ErrorKind> {
    stream.read(&mut [0; 1]).map_err(|error| error.kind())
}

#[test]
fn without_faults_everything_passes_and_is_counted() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let echo = Echo::start();
    let tap = Arc::clone(&seen);
    let relay = Relay::tapped(echo.address, move |passed| {
        let word = String::from_utf8_lossy(passed.bytes).into_owned();
        tap.lock()
            .unwrap()
            .push((passed.connection, passed.way, word));
    });
    let relay = relay.unwrap();
    let request = b"GET /v1/realtime?token=secret HTTP/1.1\r\n\r\n";
    let mut first = connected(&relay);
    assert_eq!(said(&mut first, request), request);
    let mut second = connected(&relay);
    assert_eq!(said(&mut second, b"two"), b"two");
    let word = String::from_utf8_lossy(request).into_owned();
    let expected = [
        (0, Way::Up, word.clone()),
        (0, Way::Down, word),
        (1, Way::Up, "two".to_owned()),
        (1, Way::Down, "two".to_owned()),
    ];
    wait_until("both to be counted", PATIENCE, || {
        (relay.connections().get(1)?.down == 3).then_some(())
    })
    .unwrap();
    assert_eq!(*seen.lock().unwrap(), expected);
    drop(first);
    assert_eq!(echo.end(), Ok(0));
    let connections = wait_until("the first to end", PATIENCE, || {
        let connections = relay.connections();
        connections[0].ended.is_some().then_some(connections)
    });
    let [first, second] = &connections.unwrap()[..] else {
        panic!("not two connections");
    };
    assert_eq!(first.request.as_deref(), Some("GET /v1/realtime"));
    assert_eq!((first.up, second.up), (request.len() as u64, 3));
    assert!(first.at <= second.at && second.ended.is_none());
}

#[test]
fn latency_delays_each_way_by_itself_and_keeps_the_order() {
    let (_echo, relay, mut stream) = talking();
    relay.delay(Way::Up, WHILE, Duration::from_millis(20));
    relay.delay(Way::Down, Duration::from_millis(50), Duration::ZERO);
    let watch = Stopwatch::start();
    let words: Vec<u8> = (0..100).collect();
    for word in words.chunks(1) {
        stream.write_all(word).unwrap();
    }
    assert_eq!(heard(&mut stream, 100), words);
    let took = watch.elapsed();
    assert!(took >= Duration::from_millis(250), "{took:?}");
}

#[test]
fn bandwidth_is_what_passes_in_a_second() {
    let (_echo, relay, mut stream) = talking();
    relay.bandwidth(Way::Down, Some(100_000));
    let watch = Stopwatch::start();
    assert_eq!(said(&mut stream, &[7; 30_000]), [7; 30_000]);
    let took = watch.elapsed();
    assert!(took >= Duration::from_millis(250), "{took:?}");
    relay.bandwidth(Way::Down, None);
    assert_eq!(said(&mut stream, b"fast"), b"fast");
}

#[test]
fn what_is_stalled_comes_late_and_whole() {
    let (_echo, relay, mut stream) = talking();
    for way in Way::BOTH {
        relay.stall([way]);
        stream.write_all(b"late").unwrap();
        assert!(is_silent(&mut stream), "{way:?}");
        relay.flow();
        assert_eq!(heard(&mut stream, 4), b"late");
    }
    relay.stall(Way::BOTH);
    let mut newcomer = connected(&relay);
    newcomer.write_all(b"also").unwrap();
    assert!(is_silent(&mut newcomer));
    relay.flow();
    assert_eq!(heard(&mut newcomer, 4), b"also");
}

#[test]
fn a_reset_is_one_for_both_ends() {
    let (echo, relay, mut stream) = talking();
    assert_eq!(relay.reset(), 1);
    assert_eq!(end(&mut stream), Err(ErrorKind::ConnectionReset));
    assert_eq!(echo.end(), Err(ErrorKind::ConnectionReset));
    let mut next = connected(&relay);
    assert_eq!(said(&mut next, b"again"), b"again");
}

#[test]
fn an_orderly_end_is_one_for_both_ends() {
    let (echo, relay, mut stream) = talking();
    assert_eq!(relay.finish(), 1);
    assert_eq!(end(&mut stream), Ok(0));
    assert_eq!(echo.end(), Ok(0));
}

#[test]
fn a_silenced_connection_stays_up_and_dead() {
    let (echo, relay, mut stream) = talking();
    assert_eq!(relay.silence(), 1);
    stream.write_all(b"anyone?").unwrap();
    assert!(is_silent(&mut stream));
    assert!(echo.ends.try_recv().is_err(), "the target was told");
    let mut next = connected(&relay);
    assert_eq!(said(&mut next, b"again"), b"again");
    assert_eq!(relay.reset(), 1, "only one of the two was up");
    assert_eq!(end(&mut stream), Err(ErrorKind::ConnectionReset));
}

#[test]
fn a_frame_is_cut_in_the_middle() {
    let (echo, relay, mut stream) = talking();
    stream.write_all(b"\r\n\r\n").unwrap();
    heard(&mut stream, 4);
    relay.cut(Way::Up, 60);
    let short = [&[0x82, 4], &[1; 4][..]].concat();
    assert_eq!(said(&mut stream, &short), short);
    let long = [&[0x82, 100], &[2; 100][..]].concat();
    stream.write_all(&long).unwrap();
    let mut rest = Vec::new();
    // The echo of its beginning may be overtaken by the reset.
    let end = stream.read_to_end(&mut rest).map_err(|error| error.kind());
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
    assert!(long[..60].starts_with(&rest));
    // Its answer may be what meets the reset, and then it reads an end.
    assert!(matches!(
        echo.end(),
        Ok(0) | Err(ErrorKind::ConnectionReset)
    ));
    assert_eq!(relay.connections()[0].up, 5 + 4 + 6 + 60);
    let mut next = connected(&relay);
    let bytes = [b"\r\n\r\n".as_slice(), &long].concat();
    assert_eq!(said(&mut next, &bytes), bytes, "it was cut twice");
}

#[test]
fn arrivals_are_refused_in_every_way() {
    let (_echo, relay, mut stream) = talking();
    relay.arrivals(Arrivals::Refused).unwrap();
    assert_eq!(end(&mut connected(&relay)), Err(ErrorKind::ConnectionReset));

    relay.arrivals(Arrivals::Unheard).unwrap();
    let error = Stream::connect(relay.address()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(said(&mut stream, b"still"), b"still", "it was up before");

    relay.arrivals(Arrivals::Swallowed).unwrap();
    let mut swallowed = connected(&relay);
    swallowed.write_all(b"anyone?").unwrap();
    assert!(is_silent(&mut swallowed));

    relay.arrivals(Arrivals::Forwarded).unwrap();
    assert!(is_silent(&mut swallowed), "it came back to life");
    assert_eq!(said(&mut connected(&relay), b"again"), b"again");
    let requests = relay.connections();
    assert_eq!(requests.len(), 4, "the unheard one is not counted");
    assert_eq!(requests[1].request, None);
}

#[test]
fn a_flapping_server_takes_and_closes() {
    let (_echo, relay, _stream) = talking();
    relay.arrivals(Arrivals::ClosedAfter(WHILE)).unwrap();
    let mut stream = connected(&relay);
    assert_eq!(said(&mut stream, b"hello"), b"hello");
    assert_eq!(end(&mut stream), Ok(0));
    drop(stream);
    let lived = wait_until("its end", PATIENCE, || {
        let record = relay.connections().pop()?;
        Some(record.ended? - record.at)
    });
    assert!(lived.unwrap() >= WHILE);
}

#[test]
fn without_its_target_it_resets() {
    let (_echo, relay, mut stream) = talking();
    let nobody = Listener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    relay.aim(address);
    assert_eq!(end(&mut connected(&relay)), Err(ErrorKind::ConnectionReset));
    assert_eq!(said(&mut stream, b"still"), b"still", "it was up before");
}

#[test]
fn dropped_it_is_gone_with_its_connections() {
    let (echo, relay, mut stream) = talking();
    let address = relay.address();
    drop(relay);
    assert!(matches!(
        end(&mut stream),
        Ok(0) | Err(ErrorKind::ConnectionReset)
    ));
    assert!(echo.end().is_ok());
    assert!(Stream::connect(address).is_err());
}
