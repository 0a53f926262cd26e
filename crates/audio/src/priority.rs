//! Threads that must not wait for others.

use audio_thread_priority::promote_current_thread_to_real_time;

use crate::SAMPLE_RATE;

/// Asks the system to run the calling thread before all others from now on.
///
/// Many systems refuse that to programs of ordinary users; sound then depends on there being time
/// for everyone, as it does without asking.
pub(crate) fn raise() {
    // The number of frames limits how long the thread may run at a stretch, on some systems.
    let frames = SAMPLE_RATE / 50;
    // Kept for as long as the thread lives: nothing ever lowers it again.
    let _ = promote_current_thread_to_real_time(frames, SAMPLE_RATE);
}
