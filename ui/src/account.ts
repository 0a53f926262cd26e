/** What the screens say of profiles and of who the user is there. */
import type { Account, Directory, KeyHeader, Profile } from "./bindings";
import { t } from "./text";

/** The profile that is looked at. */
export function chosenProfile(directory: Directory): Profile | undefined {
  return directory.profiles.find((profile) => profile.id === directory.chosen);
}

/** What people call a profile. */
export function profileName(profile: Profile): string {
  return profile.kind.kind === "built_in" ? t("place.built_in") : profile.name;
}

/** The host in an address, without its port; the address itself where it is none. */
export function host(url: string): string {
  try {
    return new URL(url).hostname || url;
  } catch {
    return url;
  }
}

/** Whether calls can be made there now. */
export function canCall({ state }: Account): boolean {
  return state === "not_needed" || state === "signed_in" || state === "key";
}

/** Whether a sign-in is under way. */
export function isSigningIn({ state }: Account): boolean {
  return state === "starting" || state === "waiting_for_browser" || state === "waiting_for_device";
}

/** Who the user is there, in a few words. */
export function accountText(account: Account): string {
  switch (account.state) {
    case "signed_in":
      return t("account.signed_in", { name: account.name });
    case "starting":
    case "waiting_for_browser":
    case "waiting_for_device":
      return t("account.signing_in");
    default:
      return t(`account.${account.state}`);
  }
}

/** What the screen is about while no call is up. */
export function panelTitle(profile: Profile): string {
  const { state } = profile.account;
  if (canCall(profile.account)) return t("ready.title");
  return t(`panel.${state as Exclude<typeof state, "not_needed" | "signed_in" | "key">}`, {
    name: profileName(profile),
  });
}

/** A code of letters and digits in groups that can be kept in mind. */
export function codeGroups(code: string): string[] {
  const given = code.split(/[\s-]+/).filter((group) => group !== "");
  if (given.length !== 1 || code.length <= 5) return given;
  const length = code.length % 3 === 0 ? 3 : 4;
  return code.match(new RegExp(`.{1,${length}}`, "gu")) ?? [code];
}

/** The same for a screen reader, letter by letter, with a pause between groups. */
export function codeSpelled(code: string): string {
  return codeGroups(code)
    .map((group) => [...group].join(" "))
    .join(", ");
}

/** A server that takes API keys. */
export interface Preset {
  id: "openai" | "azure" | "xai" | "local";
  url: string;
  /** What its address looks like, where everybody has another. */
  example: string;
  model: string;
  header: KeyHeader;
}

export const presets: readonly Preset[] = [
  {
    id: "openai",
    url: "wss://api.openai.com/v1/realtime",
    example: "wss://api.openai.com/v1/realtime",
    model: "gpt-realtime",
    header: "authorization",
  },
  {
    id: "azure",
    url: "",
    example: "https://RESOURCE.openai.azure.com/openai/v1/realtime",
    model: "",
    header: "api_key",
  },
  {
    id: "xai",
    url: "wss://api.x.ai/v1/realtime",
    example: "wss://api.x.ai/v1/realtime",
    model: "",
    header: "authorization",
  },
  {
    id: "local",
    url: "http://localhost:8080/v1/realtime",
    example: "http://localhost:8080/v1/realtime",
    model: "",
    header: "authorization",
  },
];
