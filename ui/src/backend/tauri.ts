/** The phone in the desktop program: the only file that knows Tauri. */
import { Channel, invoke } from "@tauri-apps/api/core";

import type { Intent, Message } from "../bindings";
import type { Backend } from "./backend";

export const tauri: Backend = {
  async subscribe(onMessage) {
    const channel = new Channel<Message>(onMessage);
    await invoke("subscribe", { channel });
    return () => {
      channel.onmessage = () => undefined;
    };
  },

  async dispatch(intent: Intent) {
    await invoke("dispatch", { intent });
  },
};
