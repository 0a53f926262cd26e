//! Work that goes on beside the driver's loop, one piece for each connection.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use offhook_proto::Conn;

/// Pieces of work, each of which comes to a `T`. Dropping them stops them.
pub(crate) struct Errands<T> {
    running: Vec<(Conn, Errand<T>)>,
    most: usize,
}

type Errand<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl<T> Errands<T> {
    /// No work yet, and never more than `most` pieces.
    pub(crate) const fn new(most: usize) -> Self {
        Self {
            running: Vec::new(),
            most,
        }
    }

    /// Starts `work`. What was under way for `conn` stops; where there is too much, the oldest.
    pub(crate) fn start(&mut self, conn: Conn, work: impl Future<Output = T> + Send + 'static) {
        self.stop(conn);
        if self.running.len() >= self.most {
            drop(self.running.remove(0));
        }
        self.running.push((conn, Box::pin(work)));
    }

    /// Stops what is under way for `conn`.
    pub(crate) fn stop(&mut self, conn: Conn) {
        self.running.retain(|(of, _)| *of != conn);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// What the next piece that is done came to; waits for ever where there is none. May be dropped
    /// and called again at any point without loss.
    pub(crate) async fn next(&mut self) -> (Conn, T) {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(Conn, T)> {
        for index in 0..self.running.len() {
            let (conn, errand) = &mut self.running[index];
            if let Poll::Ready(done) = errand.as_mut().poll(cx) {
                let conn = *conn;
                drop(self.running.remove(index));
                return Poll::Ready((conn, done));
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;
    use tokio::sync::Notify;

    use super::*;

    #[test]
    fn the_newest_work_of_a_connection_counts_and_the_oldest_of_all_makes_room() {
        let mut errands = Errands::new(2);
        let done = Arc::new(Notify::new());
        let work = |result: u32| {
            let done = Arc::clone(&done);
            async move {
                done.notified().await;
                result
            }
        };
        for (conn, result) in [(1, 10), (2, 20), (2, 21), (3, 30)] {
            errands.start(Conn(conn), work(result));
        }
        assert!(errands.next().now_or_never().is_none());
        done.notify_waiters();
        assert_eq!(errands.next().now_or_never(), Some((Conn(2), 21)));
        errands.stop(Conn(3));
        assert!(errands.is_empty() && errands.next().now_or_never().is_none());
        assert_eq!(Arc::strong_count(&done), 1, "what is stopped is dropped");
    }
}
