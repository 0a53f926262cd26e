/** Counts down here what the phone says is left, so that it need not say so each second. */

/** Snapshots that differ by less than this, in ms, mean the same moment. */
const SAME_MOMENT_MS = 300;

export class Countdown {
  #until: number | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #seconds = $state.raw<number | null>(null);

  /** The second that has begun: 4 for 3.2 s, 0 once the time is over, `null` when none is set. */
  get seconds(): number | null {
    return this.#seconds;
  }

  /** Says that `ms` are left from now on; `null` stops counting. */
  set(ms: number | null): void {
    if (ms === null) {
      clearTimeout(this.#timer);
      this.#until = null;
      this.#seconds = null;
      return;
    }
    const until = performance.now() + ms;
    if (this.#until !== null && Math.abs(until - this.#until) < SAME_MOMENT_MS) return;
    this.#until = until;
    this.#count(until);
  }

  #count(until: number): void {
    clearTimeout(this.#timer);
    const left = Math.max(0, until - performance.now());
    this.#seconds = Math.ceil(left / 1000);
    // Just past the full second, or rounding would show the same one again.
    if (left > 0) this.#timer = setTimeout(() => this.#count(until), (left % 1000) + 1);
  }
}
