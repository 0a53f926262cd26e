/** A phone that plays a little call by itself, so that the window can be used in any browser. */
import type {
  Activity,
  Agent,
  DeviceChoice,
  DevicePicker,
  EndReason,
  Intent,
  Line,
  Message,
  Snapshot,
  TranscriptEntry,
} from "../bindings";
import type { Backend } from "./backend";
import { echoAgent } from "./account-scenes";
import { agentLines } from "./conversation";
import { noStats, type Scene } from "./scenes";
import { ScriptedAccounts } from "./scripted-accounts";

const TICK_MS = 66;
/** How long the scripted agent takes to say a word, and to send it. */
const SPOKEN_MS_A_WORD = 220;
const SENT_MS_A_WORD = 70;
const CALLER_SPEAKS_MS = 2_300;
const QUIET = { microphone_db: -62, speaker_db: -90 };

/** What happens next, and when, in ms since the page was opened. */
interface Cue {
  at: number;
  run: () => void;
}

/** The agent's utterance that is being said. */
interface Utterance {
  id: string;
  words: string[];
  startedAt: number;
}

export class ScriptedPhone implements Backend {
  #scene: Scene;
  #listener: ((message: Message) => void) | null = null;
  #cues: Cue[] = [];
  #ticking: ReturnType<typeof setInterval> | undefined;
  #connectedAt = 0;
  #turn = 0;
  #utterance: Utterance | null = null;
  readonly #accounts = new ScriptedAccounts(
    () => this.#scene.directory,
    (value) => {
      this.#scene.directory = value;
      this.#send({ type: "directory", value });
    },
  );

  /** Starts in `scene`; what `keep` is given survives a reload, as a real phone would. */
  constructor(
    scene: Scene,
    private readonly keep: (scene: Scene) => void = () => undefined,
  ) {
    this.#scene = scene;
  }

  /** Lets a call that was already up when the page was opened go on. */
  resume(): void {
    const { snapshot, meters } = this.#scene;
    if (snapshot.call.state === "dialling") this.#dial(snapshot.call.agent);
    if (snapshot.call.state !== "live") return;
    for (const { id, status } of this.#scene.transcript) {
      if (status === "growing") this.#finish(id, { status: "complete" });
    }
    this.#connectedAt = performance.now() - (meters?.elapsed_ms ?? 0);
    this.#turn = 1;
    this.#start();
    this.#listen();
  }

  async subscribe(onMessage: (message: Message) => void): Promise<() => void> {
    this.#listener = onMessage;
    this.#send({ type: "directory", value: this.#scene.directory });
    this.#send({ type: "snapshot", value: this.#scene.snapshot });
    this.#send({ type: "transcript_cleared" });
    for (const value of this.#scene.transcript) this.#send({ type: "transcript", value });
    if (this.#scene.meters) this.#send({ type: "meters", value: this.#scene.meters });
    return () => {
      if (this.#listener === onMessage) this.#listener = null;
    };
  }

  async dispatch(intent: Intent): Promise<void> {
    const { call, microphone, speaker } = this.#scene.snapshot;
    const { agents } = this.#scene.directory;
    const up = call.state === "live" || call.state === "dialling";
    switch (intent.do) {
      case "call":
        if (!up) this.#dial(agents.find((agent) => agent.id === intent.agent) ?? echoAgent);
        break;
      case "hang_up":
        if (up) this.#end({ why: "hung_up" });
        break;
      case "dismiss_summary":
        if (call.state === "ended") this.#change({ call: { state: "ready" } });
        break;
      case "dismiss_notice":
        this.#change({ notice: null });
        break;
      case "set_muted":
        this.#change({ muted: intent.muted });
        break;
      case "retry_now":
        this.#comeBack();
        break;
      case "interrupt":
        this.#interrupt();
        break;
      case "send_text":
        if (call.state === "live") this.#hearText(intent.id, intent.text);
        break;
      case "choose_microphone":
        this.#change({ microphone: chosen(microphone, intent.choice, up) });
        break;
      case "choose_speaker":
        this.#change({ speaker: chosen(speaker, intent.choice, up) });
        break;
      case "account":
        this.#accounts.intent(intent.intent);
        break;
    }
  }

  #dial(agent: Agent): void {
    this.#stop();
    this.#turn = 0;
    this.#scene.transcript = [];
    this.#send({ type: "transcript_cleared" });
    const step = (step: "authorising" | "connecting" | "opening", held_ms: number) => {
      this.#change({ call: { state: "dialling", agent, step, held_ms } });
    };
    step("authorising", 0);
    this.#start();
    this.#after(400, () => step("connecting", 400));
    this.#after(900, () => step("opening", 900));
    this.#after(1_300, () => {
      this.#connectedAt = performance.now();
      this.#live(agent, "listening");
      this.#after(200, () => this.#speak(agentLines[0] ?? ""));
    });
  }

  #live(agent: Agent, activity: Activity): void {
    const line = { health: "good", round_trip_ms: 34 } as const;
    const stats = { ...noStats, connected_ms: 184, answer_ms: this.#turn > 0 ? 912 : null };
    this.#change({ call: { state: "live", agent, line, activity, stats } });
  }

  /** A connection that is gone comes back, as it does when all goes well. */
  #comeBack(): void {
    const { call } = this.#scene.snapshot;
    if (call.state !== "live" || call.line.health !== "reconnecting") return;
    if (call.line.step.doing === "connecting") return;
    const { held_ms, overflow_ms } = call.line;
    const step = (line: Line) => {
      this.#change({ call: { ...call, line } });
    };
    step({ ...call.line, step: { doing: "connecting" } });
    this.#start();
    const sending = (left_ms: number): Line => ({
      health: "catching_up",
      left_ms,
      total_ms: held_ms,
    });
    this.#after(900, () => step(sending(held_ms)));
    this.#after(1_600, () => step(sending(Math.round(held_ms / 3))));
    const lost = { caller_ms: overflow_ms, agent_ms: 0, answer: false };
    this.#after(2_300, () => step({ health: "resumed", lost }));
    this.#after(4_300, () => step({ health: "good", round_trip_ms: 34 }));
  }

  #do(activity: Activity): void {
    const { call } = this.#scene.snapshot;
    if (call.state === "live") this.#live(call.agent, activity);
  }

  #speak(text: string): void {
    const words = text.split(/(?<= )/);
    const id = `agent_${this.#scene.transcript.length}_${this.#turn}`;
    this.#utterance = { id, words, startedAt: performance.now() };
    this.#do("speaking");
    this.#put({ ...this.#line(id, "agent"), status: "growing" });
    words.forEach((delta, n) => {
      this.#after(n * SENT_MS_A_WORD, () => {
        this.#append(id, delta);
      });
    });
    this.#after(words.length * SPOKEN_MS_A_WORD, () => {
      this.#finish(id, { status: "complete" });
      this.#listen();
    });
  }

  #listen(): void {
    this.#utterance = null;
    this.#do("listening");
    this.#after(1_500, () => this.#hear());
  }

  #hear(): void {
    if (this.#scene.snapshot.muted) {
      this.#after(1_000, () => this.#hear());
      return;
    }
    const id = `caller_${this.#scene.transcript.length}_${this.#turn}`;
    this.#do("hearing");
    this.#put({ ...this.#line(id, "caller"), status: "growing" });
    this.#after(CALLER_SPEAKS_MS, () => {
      this.#finish(id, { status: "complete", spoken_ms: CALLER_SPEAKS_MS });
      this.#answer();
    });
  }

  #hearText(id: string, text: string): void {
    if (this.#scene.transcript.some((entry) => entry.id === id)) return;
    this.#interrupt();
    this.#put({ ...this.#line(id, "caller"), text });
    this.#answer();
  }

  #answer(): void {
    this.#cues = [];
    this.#do("thinking");
    this.#turn += 1;
    const line = agentLines[1 + (this.#turn % (agentLines.length - 1))] ?? "";
    this.#after(700, () => this.#speak(line));
  }

  #interrupt(): void {
    if (!this.#utterance) return;
    const { id, words, startedAt } = this.#utterance;
    const heard = Math.floor((performance.now() - startedAt) / SPOKEN_MS_A_WORD);
    this.#cues = [];
    this.#finish(id, {
      status: "interrupted",
      text: words.slice(0, heard).join(""),
      unheard: words.slice(heard).join(""),
    });
    this.#listen();
  }

  #end(reason: EndReason): void {
    const { call } = this.#scene.snapshot;
    if (call.state !== "live" && call.state !== "dialling") return;
    const live = call.state === "live";
    if (this.#utterance) this.#interrupt();
    this.#stop();
    this.#change({
      call: {
        state: "ended",
        agent: call.agent,
        reason,
        duration_ms: live ? Math.round(performance.now() - this.#connectedAt) : 0,
        stats: live ? call.stats : noStats,
      },
      microphone: { ...this.#scene.snapshot.microphone, in_use: null },
      speaker: { ...this.#scene.snapshot.speaker, in_use: null },
    });
  }

  #start(): void {
    this.#ticking ??= setInterval(() => {
      this.#tick();
    }, TICK_MS);
  }

  #stop(): void {
    clearInterval(this.#ticking);
    this.#ticking = undefined;
    this.#cues = [];
    this.#utterance = null;
    this.#scene.meters = null;
  }

  #after(ms: number, run: () => void): void {
    this.#cues.push({ at: performance.now() + ms, run });
  }

  #tick(): void {
    const now = performance.now();
    const due = this.#cues.filter((cue) => cue.at <= now).sort((a, b) => a.at - b.at);
    for (const cue of due) {
      // An earlier cue may have cancelled this one.
      if (!this.#cues.includes(cue)) continue;
      this.#cues = this.#cues.filter((other) => other !== cue);
      cue.run();
    }
    const { call } = this.#scene.snapshot;
    const activity = call.state === "live" ? call.activity : call.state;
    const wave = 9 * Math.sin(now / 90) + 5 * Math.sin(now / 37);
    this.#scene.meters = {
      elapsed_ms: call.state === "live" ? Math.round(now - this.#connectedAt) : 0,
      microphone_db:
        activity === "hearing" || activity === "dialling" ? -20 + wave : QUIET.microphone_db,
      speaker_db: activity === "speaking" ? -18 + wave : QUIET.speaker_db,
    };
    this.#send({ type: "meters", value: this.#scene.meters });
  }

  #line(id: string, speaker: "agent" | "caller"): TranscriptEntry {
    const after = this.#scene.transcript.at(-1)?.id ?? null;
    return { id, after, speaker, text: "", unheard: "", status: "complete", spoken_ms: null };
  }

  #put(entry: TranscriptEntry): void {
    const others = this.#scene.transcript.filter((known) => known.id !== entry.id);
    this.#scene.transcript = [...others, entry];
    this.#send({ type: "transcript", value: entry });
  }

  #append(id: string, delta: string): void {
    this.#scene.transcript = this.#scene.transcript.map((entry) =>
      entry.id === id ? { ...entry, text: entry.text + delta } : entry,
    );
    this.#send({ type: "transcript_delta", value: { id, delta } });
  }

  #finish(id: string, changes: Partial<TranscriptEntry>): void {
    const entry = this.#scene.transcript.find((known) => known.id === id);
    if (entry) this.#put({ ...entry, ...changes });
  }

  #change(changes: Partial<Snapshot>): void {
    const revision = this.#scene.snapshot.revision + 1;
    this.#scene.snapshot = { ...this.#scene.snapshot, ...changes, revision };
    this.#send({ type: "snapshot", value: this.#scene.snapshot });
  }

  #send(message: Message): void {
    this.keep(this.#scene);
    // A copy, as if it had crossed a process boundary.
    this.#listener?.(structuredClone(message));
  }
}

function chosen(picker: DevicePicker, choice: DeviceChoice, up: boolean): DevicePicker {
  const device = picker.available.find((known) =>
    choice.kind === "device" ? known.id === choice.id : known.is_default,
  );
  return { ...picker, choice, in_use: up ? (device?.name ?? null) : null };
}
