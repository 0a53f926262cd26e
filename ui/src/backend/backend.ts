/** What the window needs from whatever runs the call. */
import type { Intent, Message } from "../bindings";

export interface Backend {
  /**
   * Starts the one subscription: first the whole state, then what changes, in order. A later
   * subscription replaces an earlier one. The answer ends it.
   */
  subscribe(onMessage: (message: Message) => void): Promise<() => void>;

  /** Says what the user wants; a later snapshot is the answer. */
  dispatch(intent: Intent): Promise<void>;
}

/** How a screen says what the user wants. */
export type Send = (intent: Intent) => void;
