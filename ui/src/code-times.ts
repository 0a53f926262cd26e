/** How long codes for another device are good, wherever the user looks meanwhile. */
import { chosenProfile } from "./account";
import type { Directory } from "./bindings";

export class CodeTimes {
  /** For each profile the code, what was said of its time, and the moment that means. */
  #known = new Map<string, { said: string; until: number }>();

  /**
   * What is left of the chosen profile's code, in ms; `null` where there is none. Takes in the
   * codes of all profiles: what is said of one counts from when it is first said. `now` in ms.
   */
  left(directory: Directory, now: number): number | null {
    const known = new Map<string, { said: string; until: number }>();
    for (const { id, account } of directory.profiles) {
      if (account.state !== "waiting_for_device") continue;
      const said = `${account.code} ${account.expires_in_ms}`;
      const before = this.#known.get(id);
      const fresh = { said, until: now + account.expires_in_ms };
      known.set(id, before?.said === said ? before : fresh);
    }
    this.#known = known;
    const profile = chosenProfile(directory);
    const code = profile && known.get(profile.id);
    return code ? Math.max(0, code.until - now) : null;
  }
}
