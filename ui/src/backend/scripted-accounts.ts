/** Profiles and accounts of the scripted phone: everybody who signs in succeeds after a while. */
import type { Account, AccountIntent, Agent, Directory, Problem, Profile } from "../bindings";
import {
  acmeAgents,
  echoAgent,
  inBrowser,
  modelAgents,
  onDevice,
  signedIn,
} from "./account-scenes";

/** How long what takes a while takes, in ms. */
const STARTS_MS = 400;
const BROWSER_MS = 4_000;
const DEVICE_MS = 8_000;
const ASKS_MS = 900;
const OPENS_MS = 3_000;
/** A key or an address with this in it is refused. */
const BAD = "bad";
/** What opens the scripted file. */
const PASSPHRASE = "correct horse";

type Timer = ReturnType<typeof setTimeout>;

export class ScriptedAccounts {
  /** What each profile, or another thing by its name, waits for. */
  #waits = new Map<string, Timer>();
  #favourites = new Set(["front-desk"]);

  constructor(
    private readonly now: () => Directory,
    private readonly publish: (directory: Directory) => void,
  ) {}

  intent(intent: AccountIntent): void {
    switch (intent.what) {
      case "choose":
        this.#look(intent.profile);
        break;
      case "add_organisation":
        this.#check(intent.url, () => this.#found(organisation(intent.url)));
        break;
      case "add_direct": {
        const { name, url, model, header, key } = intent;
        const kind = { kind: "direct", url, model, header } as const;
        const profile = { id: model || url, name: name || url, kind, account: withKey };
        this.#check(key, () => this.#found(profile), url);
        break;
      }
      case "replace_key": {
        const profile = this.#profile(intent.profile);
        if (profile) this.#check(intent.key, () => this.#found({ ...profile, account: withKey }));
        break;
      }
      case "stop_adding":
        this.#stop("adding");
        this.#change({ adding: { state: "idle" } });
        break;
      case "remove":
        this.#remove(intent.profile);
        break;
      case "sign_in":
        this.#signIn(intent.profile, intent.way);
        break;
      case "open_browser":
        break;
      case "cancel_sign_in":
      case "sign_out":
        this.#account(intent.profile, { state: "signed_out", problem: null });
        break;
      case "set_favourite":
        this.#favour(intent.agent, intent.favourite);
        break;
      case "refresh":
        this.#refresh();
        break;
      case "keep_secrets":
        this.#open(intent.place, intent.passphrase);
        break;
    }
  }

  #look(id: string): void {
    if (!this.#profile(id)) return;
    this.#change({ chosen: id });
    this.#list();
  }

  /** Shows who can be called at the chosen profile, once the user is known there. */
  #list(): void {
    const { chosen, profiles } = this.now();
    const profile = profiles.find(({ id }) => id === chosen);
    if (!profile) return;
    const { state } = profile.account;
    const known = ["not_needed", "signed_in", "key"].includes(state);
    const all = { built_in: [echoAgent], organisation: acmeAgents, direct: modelAgents };
    this.#change({
      agents: known ? this.#sorted(all[profile.kind.kind]) : [],
      listing: { state: known ? "complete" : "sign_in_first" },
    });
  }

  #check(asked: string, then: () => void, url = asked): void {
    this.#change({ adding: { state: "checking" } });
    this.#after("adding", ASKS_MS, () => {
      if (asked.includes(BAD)) this.#change({ adding: { state: "failed", problem: why(url) } });
      else then();
    });
  }

  #found(profile: Profile): void {
    const others = this.now().profiles.filter(({ id }) => id !== profile.id);
    const profiles = [...others, profile];
    const adding = { state: "done", profile: profile.id } as const;
    this.#change({ profiles, chosen: profile.id, adding });
    this.#list();
  }

  #remove(id: string): void {
    this.#stop(id);
    const { chosen, profiles } = this.now();
    this.#change({ profiles: profiles.filter((profile) => profile.id !== id) });
    if (chosen === id) this.#look("built-in");
  }

  #signIn(id: string, way: "browser" | "device"): void {
    this.#account(id, { state: "starting" });
    this.#after(id, STARTS_MS, () => {
      this.#account(id, way === "browser" ? inBrowser : onDevice);
      this.#after(id, way === "browser" ? BROWSER_MS : DEVICE_MS, () => {
        this.#account(id, signedIn);
      });
    });
  }

  #account(id: string, account: Account): void {
    this.#stop(id);
    const { chosen, profiles } = this.now();
    const changed = profiles.map((it) => (it.id === id ? { ...it, account } : it));
    this.#change({ profiles: changed });
    if (chosen === id) this.#list();
  }

  #favour(id: string, favourite: boolean): void {
    if (favourite) this.#favourites.add(id);
    else this.#favourites.delete(id);
    this.#change({ agents: this.#sorted(this.now().agents) });
  }

  #sorted(agents: Agent[]): Agent[] {
    return agents
      .map((agent) => ({ ...agent, favourite: this.#favourites.has(agent.id) }))
      .sort((a, b) => Number(b.favourite) - Number(a.favourite));
  }

  #refresh(): void {
    const profile = this.#profile(this.now().chosen);
    if (profile?.account.state === "unavailable") {
      this.#account(profile.id, { state: "unknown" });
      this.#after(profile.id, ASKS_MS, () => {
        this.#account(profile.id, { state: "signed_out", problem: null });
      });
      return;
    }
    this.#change({ listing: { state: "loading" } });
    this.#after("listing", ASKS_MS, () => this.#list());
  }

  #open(place: "system" | "file" | "memory", passphrase: string | null): void {
    this.#change({ secrets: { state: "opening" } });
    this.#after("secrets", OPENS_MS, () => {
      if (place === "file" && passphrase !== PASSPHRASE) {
        this.#change({ secrets: { state: "unavailable", problem: { code: "wrong_passphrase" } } });
        return;
      }
      this.#change({ secrets: { state: "kept", place } });
      for (const { id, account } of this.now().profiles) {
        if (account.state === "unknown") this.#account(id, { state: "signed_out", problem: null });
      }
    });
  }

  #profile(id: string): Profile | undefined {
    return this.now().profiles.find((profile) => profile.id === id);
  }

  #after(name: string, ms: number, run: () => void): void {
    this.#stop(name);
    this.#waits.set(name, setTimeout(run, ms));
  }

  #stop(name: string): void {
    clearTimeout(this.#waits.get(name));
    this.#waits.delete(name);
  }

  #change(changes: Partial<Directory>): void {
    this.publish({ ...this.now(), ...changes });
  }
}

const withKey: Account = { state: "key" };

function organisation(url: string): Profile {
  const name = url.replace(/^[a-z]+:\/\//, "");
  const account: Account = { state: "signed_out", problem: null };
  return { id: name, name, kind: { kind: "organisation", url }, account };
}

function why(url: string): Problem {
  if (url.includes(BAD)) return { code: "not_a_bridge", host: url.replace(/^[a-z]+:\/\//, "") };
  return { code: "key_refused", host: url, detail: "Incorrect API key provided" };
}
