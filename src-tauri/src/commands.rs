//! The window's two commands: be told, and say what the user wants.

use std::sync::Mutex;

use offhook_phone::{Intent, Message, Phone};
use tauri::State;
use tauri::async_runtime::JoinHandle;
use tauri::ipc::Channel;

/// The softphone, and the task that tells the window about it.
pub(crate) struct Core {
    phone: Phone,
    subscription: Mutex<Option<JoinHandle<()>>>,
}

impl Core {
    pub(crate) fn new(phone: Phone) -> Self {
        Self {
            phone,
            subscription: Mutex::new(None),
        }
    }

    /// Hangs up and stops.
    pub(crate) async fn stop(&self) {
        self.phone.clone().stop().await;
    }

    /// A window has one subscription: a reloaded page replaces it.
    fn replace_subscription(&self, subscription: JoinHandle<()>) {
        let mut current = self
            .subscription
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(replaced) = current.replace(subscription) {
            replaced.abort();
        }
    }
}

/// The core is not there any more, in words the window can show.
type Gone = String;

/// Everything as it is now on `channel`, and from then on what changes.
#[tauri::command]
pub(crate) async fn subscribe(
    core: State<'_, Core>,
    channel: Channel<Message>,
) -> Result<(), Gone> {
    let mut messages = core
        .phone
        .subscribe()
        .await
        .map_err(|error| error.to_string())?;
    core.replace_subscription(tauri::async_runtime::spawn(async move {
        while let Some(message) = messages.recv().await {
            // The page is gone; its successor subscribes anew.
            if channel.send(message).is_err() {
                break;
            }
        }
    }));
    Ok(())
}

/// What the user wants; the answer comes on the channel.
#[tauri::command]
pub(crate) async fn dispatch(core: State<'_, Core>, intent: Intent) -> Result<(), Gone> {
    core.phone
        .dispatch(intent)
        .await
        .map_err(|error| error.to_string())
}
