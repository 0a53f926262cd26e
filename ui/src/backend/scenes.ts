/** Every state of the app, as a scripted phone would report it. */
import type {
  Activity,
  Agent,
  Call,
  DevicePicker,
  DialStep,
  Directory,
  DropCause,
  EndReason,
  Line,
  Lost,
  Meters,
  Problem,
  ReconnectStep,
  Snapshot,
  Stats,
  TranscriptEntry,
} from "../bindings";
import {
  accountScenes,
  type AccountSceneName,
  acmeAgents,
  atHome,
  echoAgent,
  inCall,
} from "./account-scenes";
import {
  brokenOffCall,
  callInMidSentence,
  callSoFar,
  interruptedCall,
  interruptingCall,
  longCall,
} from "./conversation";

/** All that a new subscriber is told. */
export interface Scene {
  directory: Directory;
  snapshot: Snapshot;
  meters: Meters | null;
  transcript: TranscriptEntry[];
}

const [frontDesk = echoAgent, longName = echoAgent] = acmeAgents;

export const noStats: Stats = {
  connected_ms: null,
  answer_ms: null,
  frames_sent: 0,
  frames_received: 0,
  underruns: 0,
  frames_lost: 0,
  reconnects: 0,
  caller_lost_ms: 0,
  agent_lost_ms: 0,
  answers_lost: 0,
};

const stats: Stats = {
  connected_ms: 184,
  answer_ms: 912,
  frames_sent: 7710,
  frames_received: 3122,
  underruns: 0,
  frames_lost: 0,
  reconnects: 0,
  caller_lost_ms: 0,
  agent_lost_ms: 0,
  answers_lost: 0,
};

const microphone: DevicePicker = {
  available: [
    { id: "mic-built-in", name: "Built-in microphone", is_default: true },
    { id: "mic-headset", name: "Jabra Evolve2 65 Stereo", is_default: false },
  ],
  choice: { kind: "system_default" },
  in_use: null,
};

const speaker: DevicePicker = {
  available: [
    { id: "out-built-in", name: "Built-in speakers", is_default: true },
    { id: "out-headset", name: "Jabra Evolve2 65 Stereo", is_default: false },
    { id: "out-hdmi", name: "HDMI / DisplayPort 3", is_default: false },
  ],
  choice: { kind: "system_default" },
  in_use: null,
};

const good: Line = { health: "good", round_trip_ms: 34 };

function scene(call: Call, rest: Partial<Scene> & { snapshot?: never } = {}): Scene {
  const running = call.state === "dialling" || call.state === "live";
  return {
    directory: atHome,
    snapshot: {
      revision: 1,
      version: "0.1.0",
      call,
      muted: false,
      microphone: { ...microphone, in_use: running ? "Built-in microphone" : null },
      speaker: { ...speaker, in_use: running ? "Built-in speakers" : null },
      notice: null,
    },
    meters: null,
    transcript: [],
    ...rest,
  };
}

function but(base: Scene, changes: Partial<Snapshot>, rest: Partial<Scene> = {}): Scene {
  return { ...base, ...rest, snapshot: { ...base.snapshot, ...changes } };
}

function dialling(step: DialStep, held_ms: number): Scene {
  return scene(
    { state: "dialling", agent: echoAgent, step, held_ms },
    { meters: { elapsed_ms: 0, microphone_db: -24, speaker_db: -90 } },
  );
}

function live(activity: Activity, line: Line = good, agent: Agent = echoAgent): Scene {
  const microphone_db = activity === "hearing" ? -14 : -52;
  const speaker_db = activity === "speaking" ? -12 : -90;
  return scene(
    { state: "live", agent, line, activity, stats },
    {
      meters: { elapsed_ms: 154_000, microphone_db, speaker_db },
      transcript: activity === "speaking" ? callInMidSentence : callSoFar,
    },
  );
}

/** A call whose connection is gone, with 4.2 s of the caller's speech held. */
function gone(cause: DropCause, step: ReconnectStep, rest: Partial<Reconnecting> = {}): Scene {
  const line = { health: "reconnecting", cause, attempt: 1, step, ...held, ...rest } as const;
  return lost(live("listening", line), { reconnects: 1 });
}

type Reconnecting = Extract<Line, { health: "reconnecting" }>;
const held = { held_ms: 4_200, overflow_ms: 0, gives_up_in_ms: 114_000 };

/** A call whose connection has just come back. */
function back(cost: Partial<Lost>): Scene {
  const line: Line = {
    health: "resumed",
    lost: { caller_ms: 0, agent_ms: 0, answer: false, ...cost },
  };
  return lost(live("listening", line), { reconnects: 1 });
}

/** The same with more in its counters. */
function lost(base: Scene, counters: Partial<Stats>): Scene {
  const { call } = base.snapshot;
  if (call.state !== "live") return base;
  return but(base, { call: { ...call, stats: { ...call.stats, ...counters } } });
}

function ended(reason: EndReason, duration_ms = 154_000, last: Stats = stats): Scene {
  return scene(
    { state: "ended", agent: echoAgent, reason, duration_ms, stats: last },
    { transcript: duration_ms > 0 ? interruptedCall : [] },
  );
}

function failed(problem: Problem, duration_ms = 0): Scene {
  return ended({ why: "failed", problem }, duration_ms, duration_ms > 0 ? stats : noStats);
}

const ready = scene({ state: "ready" });
const headsetGone: Problem = { code: "device_gone", device: "Jabra Evolve2 65 Stereo" };
const unreachable: Problem = {
  code: "unreachable",
  host: "voice.example.org:443",
  detail: "connection refused",
};

const accountReady = Object.fromEntries(
  Object.entries(accountScenes).map(([name, directory]) => [name, { ...ready, directory }]),
) as Record<AccountSceneName, Scene>;
const signInEnded: Scene = {
  ...but(live("listening", good, frontDesk), {
    notice: { code: "sign_in_needed", host: "Acme Voice" },
  }),
  directory: inCall.ended,
};

/** The states, by the name that `?state=` takes. */
export const scenes = {
  ...accountReady,
  "ready-muted": but(ready, { muted: true }),
  "ready-notice": but(ready, { notice: unreachable }),
  "ready-unplugged": but(ready, {
    microphone: { ...microphone, choice: { kind: "device", id: "mic-desk" } },
    speaker: { available: [], choice: { kind: "system_default" }, in_use: null },
  }),
  "dialling-authorising": dialling("authorising", 0),
  dialling: dialling("connecting", 2_300),
  "dialling-opening": dialling("opening", 4_200),
  "dialling-muted": but(dialling("connecting", 0), { muted: true }),
  live: live("listening"),
  "live-start": { ...live("listening", { health: "good", round_trip_ms: null }), transcript: [] },
  "live-hearing": live("hearing"),
  "live-thinking": live("thinking"),
  "live-speaking": live("speaking"),
  "live-interrupted": { ...live("hearing"), transcript: interruptingCall },
  "live-muted": but(live("listening"), { muted: true }),
  "live-unstable": live("listening", { health: "unstable" }),
  "live-reconnecting": gone("server_restarting", { doing: "waiting", retry_in_ms: 3_400 }),
  "live-reconnecting-now": gone("unreachable", { doing: "connecting" }, { attempt: 3 }),
  "live-reconnecting-muted": but(gone("connection_lost", { doing: "connecting" }, { held_ms: 0 }), {
    muted: true,
  }),
  "live-reconnecting-offline": gone("network_down", { doing: "offline" }, { attempt: 2 }),
  "live-reconnecting-pausing": gone(
    "server_unstable",
    { doing: "pausing", retry_in_ms: 29_200 },
    { attempt: 4, held_ms: 1_300 },
  ),
  "live-reconnecting-long": gone(
    "token_service",
    { doing: "waiting", retry_in_ms: 4_800 },
    { attempt: 17, held_ms: 30_000, overflow_ms: 41_000, gives_up_in_ms: 49_000 },
  ),
  "live-catching-up": lost(
    live("hearing", { health: "catching_up", left_ms: 1_600, total_ms: 4_200 }),
    { reconnects: 1 },
  ),
  "live-resumed": back({}),
  "live-resumed-lost": back({ agent_ms: 1_300 }),
  "live-resumed-both": back({ caller_ms: 41_000, agent_ms: 340 }),
  "live-resumed-answer": { ...back({ caller_ms: 340, answer: true }), transcript: brokenOffCall },
  "live-reconnected": lost(live("listening"), { reconnects: 2, caller_lost_ms: 340 }),
  "live-sign-in-ended": signInEnded,
  "live-sign-in-gone": {
    ...gone("signed_out", { doing: "pausing", retry_in_ms: 29_200 }),
    directory: inCall.ended,
  },
  "live-sign-in-browser": { ...signInEnded, directory: inCall.browser },
  "live-sign-in-device": { ...signInEnded, directory: inCall.device },
  "live-notice": but(live("speaking"), { notice: headsetGone }),
  "live-long": { ...live("speaking", good, longName), transcript: longCall },
  ended: ended({ why: "hung_up" }),
  "ended-cancelled": ended({ why: "hung_up" }, 0, noStats),
  "ended-far-end": ended({ why: "far_end" }, 3_754_000, { ...stats, frames_lost: 65 }),
  "ended-taken-over": ended({ why: "taken_over" }),
  "ended-reconnected": ended({ why: "hung_up" }, 154_000, {
    ...stats,
    reconnects: 5,
    caller_lost_ms: 400,
    agent_lost_ms: 1_300,
    answers_lost: 1,
  }),
  "ended-gave-up": {
    ...failed({ code: "gave_up", seconds: 120, cause: "network_down" }, 154_000),
    transcript: brokenOffCall,
  },
  "ended-failed": failed(unreachable),
  "ended-lost": failed({ code: "connection_lost", detail: "no answer for 6 seconds" }, 154_000),
} satisfies Record<string, Scene>;

export type SceneName = keyof typeof scenes;

export function isSceneName(name: string): name is SceneName {
  return Object.hasOwn(scenes, name);
}
