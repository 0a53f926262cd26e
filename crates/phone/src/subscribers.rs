//! Who listens to the softphone, and what each of them has to be told anew.

use tokio::sync::mpsc;

use crate::model::Model;
use crate::snapshot::Message;

/// Messages that may wait for a subscriber: four seconds of everything.
const QUEUE: usize = 256;

/// The subscribers, each with a bounded queue.
///
/// One that falls behind misses levels; if it misses more than that, it is told everything anew
/// as soon as there is room.
#[derive(Debug, Default)]
pub(crate) struct Subscribers {
    all: Vec<Subscriber>,
}

#[derive(Debug)]
struct Subscriber {
    sender: mpsc::Sender<Message>,
    behind: bool,
}

impl Subscribers {
    pub(crate) fn add(&mut self, model: &Model) -> mpsc::Receiver<Message> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let mut subscriber = Subscriber {
            sender,
            behind: true,
        };
        subscriber.catch_up(model);
        self.all.push(subscriber);
        receiver
    }

    pub(crate) fn publish(&mut self, message: &Message, model: &Model) {
        self.all
            .retain_mut(|subscriber| subscriber.tell(message, model));
    }
}

impl Subscriber {
    /// Passes a message on; false once nobody listens.
    fn tell(&mut self, message: &Message, model: &Model) -> bool {
        if self.behind {
            self.catch_up(model);
            return !self.sender.is_closed();
        }
        match self.sender.try_send(message.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(lost)) => {
                self.behind = !matches!(lost, Message::Meters(_));
                true
            }
        }
    }

    /// Everything as it is now, if there is room for it: the model already holds what the message
    /// that is being published says.
    fn catch_up(&mut self, model: &Model) {
        let mut messages = vec![
            Message::Directory(Box::new(model.directory())),
            Message::Snapshot(Box::new(model.snapshot())),
            Message::TranscriptCleared,
        ];
        messages.extend(model.transcript().cloned().map(Message::Transcript));
        // A transcript longer than the queue keeps its newest lines here.
        let room = self.sender.max_capacity() / 2;
        if messages.len() > room {
            messages.drain(3..messages.len() - room + 3);
        }
        let Ok(places) = self.sender.try_reserve_many(messages.len()) else {
            return;
        };
        for (place, message) in places.zip(messages) {
            place.send(message);
        }
        self.behind = false;
    }
}
