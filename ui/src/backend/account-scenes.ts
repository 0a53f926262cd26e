/** Who can be called, where and as whom, in every state, as a scripted phone would report it. */
import type {
  Account,
  Agent,
  Directory,
  Listing,
  Problem,
  Profile,
  QrCode,
  Recent,
  Secrets,
} from "../bindings";

export const echoAgent: Agent = {
  id: "test",
  name: "Echo",
  description: null,
  language: "en",
  color: null,
  favourite: false,
  built_in: true,
};

function agent(id: string, name: string, rest: Partial<Agent> = {}): Agent {
  const plain = { description: null, language: "en", color: null, favourite: false };
  return { id, name, ...plain, ...rest, built_in: false };
}

/** Those of the organisation. */
export const acmeAgents: Agent[] = [
  agent("front-desk", "Front desk", {
    description: "Answers questions about opening hours and takes bookings.",
    color: "#0b6b58",
    favourite: true,
  }),
  agent("benefits", "Grundsicherungsantragsberatung Oldenburg-Nord", {
    description: "Hilft beim Ausfüllen des Antrags.",
    language: "de",
    color: "#f2c14e",
  }),
  agent("it-help", "IT help", { color: "#3d5a9e" }),
];

/** The one behind an API key. */
export const modelAgents: Agent[] = [agent("gpt-realtime", "gpt-realtime", { language: null })];

export const builtIn: Profile = {
  id: "built-in",
  name: "",
  kind: { kind: "built_in" },
  account: { state: "not_needed" },
};

const acme: Profile = {
  id: "acme",
  name: "Acme Voice",
  kind: { kind: "organisation", url: "https://voice.example.org" },
  account: { state: "signed_out", problem: null },
};

const openai: Profile = {
  id: "openai",
  name: "OpenAI",
  kind: {
    kind: "direct",
    url: "wss://api.openai.com/v1/realtime",
    model: "gpt-realtime",
    header: "authorization",
  },
  account: { state: "key" },
};

const azure: Profile = {
  id: "azure",
  name: "Azure OpenAI",
  kind: {
    kind: "direct",
    url: "https://acme.openai.azure.com/openai/v1/realtime",
    model: "acme-realtime",
    header: "api_key",
  },
  account: { state: "no_key" },
};

const kept: Secrets = { state: "kept", place: "system" };
const complete: Listing = { state: "complete" };
const signInFirst: Listing = { state: "sign_in_first" };

/** What everything else differs from: the agent inside Offhook is looked at. */
export const atHome: Directory = {
  profiles: [builtIn, acme, openai],
  chosen: "built-in",
  agents: [echoAgent],
  listing: complete,
  recent: [],
  secrets: kept,
  adding: { state: "idle" },
};

/** The same with the organisation looked at, and the user there in this state. */
function at(account: Account, rest: Partial<Directory> = {}): Directory {
  return {
    ...atHome,
    profiles: [builtIn, { ...acme, account }, openai, azure],
    chosen: "acme",
    agents: [],
    listing: signInFirst,
    ...rest,
  };
}

/** The same with the model behind an API key looked at. */
function withKey(account: Account, rest: Partial<Directory> = {}): Directory {
  return {
    ...atHome,
    profiles: [builtIn, acme, { ...openai, account }],
    chosen: "openai",
    agents: account.state === "key" ? modelAgents : [],
    listing: account.state === "key" ? complete : signInFirst,
    ...rest,
  };
}

/** A sign-in page's address, as long as real ones are. */
export const signInUrl =
  "https://login.example.org/oauth2/authorize?response_type=code&client_id=offhook" +
  "&redirect_uri=http%3A%2F%2F127.0.0.1%3A49152%2F&scope=openid+profile+email+offline_access" +
  "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

/** Holds `https://login.example.org/device?user_code=WDJB-MJHT`. */
const qr: QrCode = {
  size: 33,
  modules: [
    "####### ####    # ##   ## #######",
    "#     # ## #  #  #    ##  #     #",
    "# ### #   ######  #### ## # ### #",
    "# ### # ##  #  #  #    ## # ### #",
    "# ### #  # ###  # #  # ## # ### #",
    "#     #  ##### ####  #    #     #",
    "####### # # # # # # # # # #######",
    "        ## #   ### #   #         ",
    "# ## ### #  # ## ##  #    #  # ##",
    "#  ##    ## ##  #####  #  ## ####",
    "  # ###  # # #  # # # ### #### ##",
    " #  #  #  ##     # ##     ## #  #",
    "   ####   # # ###  #  #### ### ##",
    " # #   ## #   #     #      #   # ",
    " ###  # # #####  ###    # ## #   ",
    " #  ##  ## #   #   # ##  ## ###  ",
    "## ## ##  # # #   #####  ## # #  ",
    "  ## # #   #   #  # ## #### ##  #",
    " ## ### ### ####  #  ##  #### #  ",
    "  # #        ## ### #   ##  #  ##",
    "#  #  #### #### #  ##   #  ####  ",
    "# #       #  ####  #  ### #   # #",
    "   # ##      ###    #  ###  # ###",
    " ### #  # #    #   ## # ##  ##  #",
    "# # #######  ##  #  # # #####   #",
    "        ##  # ###  # # ##   ##   ",
    "####### #     #  ####  ## # #    ",
    "#     # ### ### ### #####   #####",
    "# ### #  # ######### # ###### # #",
    "# ### # # ##  # #     ###  # # ##",
    "# ### # ## # # ### ### #  ## ##  ",
    "#     #    #  #  ##   #######   #",
    "####### #  ##   ##   # # #  ###  ",
  ].join(""),
};

export const signedIn: Account = {
  state: "signed_in",
  name: "Ada Lovelace",
  email: "ada@example.org",
};

export const inBrowser: Account = { state: "waiting_for_browser", url: signInUrl, opened: true };

export const onDevice: Account = {
  state: "waiting_for_device",
  code: "WDJB-MJHT",
  url: "https://login.example.org/device",
  qr,
  expires_in_ms: 581_000,
};

export const signInEnded: Account = { state: "ended", name: "Ada Lovelace" };

const denied: Problem = { code: "sign_in_denied", detail: "the user pressed Cancel" };
const unreachable: Problem = {
  code: "unreachable",
  host: "voice.example.org:443",
  detail: "connection refused",
};
const noKeyring: Problem = { code: "no_keyring", detail: "no D-Bus address" };
const keyRefused: Problem = {
  code: "key_refused",
  host: "api.openai.com",
  detail: "Incorrect API key provided",
};

const HOUR_S = 3_600;
const now_s = Math.floor(Date.now() / 1000);

function call(profile: string, of: Agent, ago_s: number, rest: Partial<Recent> = {}): Recent {
  const { id, name } = of;
  const ended = { at_s: now_s - ago_s, duration_ms: 154_000, failed: false };
  return { profile, agent: id, name, ...ended, ...rest };
}

/** More than are shown. */
const recent: Recent[] = [
  ...acmeAgents.map((of, n) => call("acme", of, 300 + n * 2 * HOUR_S)),
  call("openai", agent("gpt-realtime", "gpt-realtime"), 20 * HOUR_S, {
    duration_ms: 0,
    failed: true,
  }),
  call("built-in", echoAgent, 26 * HOUR_S, { duration_ms: 31_000 }),
  call("built-in", echoAgent, 30 * 24 * HOUR_S),
];

const full = at(signedIn, { agents: acmeAgents, listing: complete, recent });

/** The states in which no call is up, by the name that `?state=` takes. */
export const accountScenes = {
  ready: atHome,
  "ready-first-start": { ...atHome, profiles: [builtIn] },
  "ready-no-agents": { ...full, agents: [], recent: [] },
  "ready-signed-in": full,
  "ready-signed-out": at({ state: "signed_out", problem: null }),
  "ready-sign-in-denied": at({ state: "signed_out", problem: denied }),
  "ready-sign-in-starting": at({ state: "starting" }),
  "ready-sign-in-browser": at(inBrowser),
  "ready-sign-in-browser-closed": at({
    state: "waiting_for_browser",
    url: signInUrl,
    opened: false,
  }),
  "ready-sign-in-device": at(onDevice),
  "ready-sign-in-device-plain": at({
    ...onDevice,
    code: "0123456789",
    qr: null,
    expires_in_ms: 4_000,
  }),
  "ready-sign-in-ended": at(signInEnded, { agents: acmeAgents, recent }),
  "ready-account-unknown": at({ state: "unknown" }, { listing: { state: "loading" } }),
  "ready-account-unavailable": at({ state: "unavailable", problem: unreachable }),
  "ready-key": withKey({ state: "key" }),
  "ready-no-key": withKey({ state: "no_key" }),
  "ready-no-key-refused": withKey(
    { state: "no_key" },
    { adding: { state: "failed", problem: keyRefused } },
  ),
  "ready-list-loading": { ...full, listing: { state: "loading" } },
  "ready-list-first-loading": { ...full, agents: [], recent: [], listing: { state: "loading" } },
  "ready-list-failed": { ...full, listing: { state: "failed", problem: unreachable } },
  "ready-adding": { ...atHome, adding: { state: "checking" } },
  "ready-adding-failed": {
    ...atHome,
    adding: { state: "failed", problem: { code: "not_a_bridge", host: "www.example.org" } },
  },
  "ready-adding-done": { ...full, adding: { state: "done", profile: "acme" } },
  "ready-secrets-opening": at({ state: "unknown" }, { secrets: { state: "opening" } }),
  "ready-secrets-locked": {
    ...at({ state: "unknown" }),
    secrets: { state: "unavailable", problem: { code: "keyring_locked" } },
  },
  "ready-secrets-none": {
    ...atHome,
    secrets: { state: "unavailable", problem: noKeyring },
  },
  "ready-secrets-passphrase": {
    ...at({ state: "unknown" }),
    secrets: { state: "unavailable", problem: { code: "wrong_passphrase" } },
  },
  "ready-secrets-memory": { ...full, recent: [], secrets: { state: "kept", place: "memory" } },
  "ready-secrets-file": { ...full, recent: [], secrets: { state: "kept", place: "file" } },
} satisfies Record<string, Directory>;

export type AccountSceneName = keyof typeof accountScenes;

/** The states of a sign-in that ended while a call is up. */
export const inCall = {
  ended: { ...full, profiles: at(signInEnded).profiles, listing: signInFirst },
  browser: { ...full, profiles: at(inBrowser).profiles, listing: signInFirst },
  device: { ...full, profiles: at(onDevice).profiles, listing: signInFirst },
  signedIn: full,
} satisfies Record<string, Directory>;
