/** The single-key shortcut, which can be switched off (WCAG 2.2, 2.1.4). */

const STORED = "offhook.mute-key";

class Shortcuts {
  #muteKey = $state(localStorage.getItem(STORED) !== "off");

  /** Whether the M key mutes and unmutes during a call. */
  get muteKey(): boolean {
    return this.#muteKey;
  }

  set muteKey(on: boolean) {
    this.#muteKey = on;
    localStorage.setItem(STORED, on ? "on" : "off");
  }
}

export const shortcuts = new Shortcuts();

/** Whether this key press asks to mute or unmute, and is not a letter being typed. */
export function isMuteKey(event: KeyboardEvent): boolean {
  if (!shortcuts.muteKey || event.repeat || event.key.toLowerCase() !== "m") return false;
  if (event.ctrlKey || event.altKey || event.metaKey) return false;
  const target = event.target;
  return !(target instanceof Element && target.closest("input, textarea, select"));
}
