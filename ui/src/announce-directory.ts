/** What a screen reader is told, politely, when one directory follows another. */
import { chosenProfile, codeSpelled, host, profileName } from "./account";
import type { Account, Directory, Profile } from "./bindings";
import { problemText, t } from "./text";

/**
 * The words for what changed, or `null` if nothing did that is worth interrupting for.
 *
 * The first directory is the page itself. Why something could not be added is left out: the
 * focus goes to that sentence.
 */
export function directoryAnnouncement(before: Directory | null, now: Directory): string | null {
  if (before === null) return null;
  const words = [added(before, now), looked(before, now), secrets(before, now)];
  const said = words.filter((sentence) => sentence !== null);
  return said.length > 0 ? said.join(" ") : null;
}

function added(before: Directory, { adding, profiles }: Directory): string | null {
  if (adding.state !== "done" || before.adding.state === "done") return null;
  const profile = profiles.find(({ id }) => id === adding.profile);
  if (profile === undefined) return null;
  const known = before.profiles.some(({ id }) => id === profile.id);
  return t(known ? "announce.changed" : "announce.added", { name: profileName(profile) });
}

function looked(before: Directory, now: Directory): string | null {
  const profile = chosenProfile(now);
  const last = chosenProfile(before);
  if (profile === undefined) return null;
  if (profile.id !== last?.id) return t("announce.chosen", { name: profileName(profile) });
  if (!same(last.account, profile.account)) return accountWords(last.account, profile);
  if (now.listing.state === "failed" && !same(before.listing, now.listing)) {
    return problemText(now.listing.problem);
  }
  return null;
}

function accountWords(last: Account, { account }: Profile): string | null {
  switch (account.state) {
    case "waiting_for_browser":
      if (last.state === "waiting_for_browser" && last.opened === account.opened) return null;
      return t(account.opened ? "announce.browser" : "announce.browser_failed");
    case "waiting_for_device":
      if (last.state === "waiting_for_device" && last.code === account.code) return null;
      return t("announce.device", { host: host(account.url), code: codeSpelled(account.code) });
    case "signed_in":
      return t("announce.signed_in", { name: account.name });
    case "signed_out":
      if (account.problem !== null) return problemText(account.problem);
      return last.state === "signed_in" || last.state === "ended" ? t("announce.signed_out") : null;
    case "unavailable":
      return problemText(account.problem);
    case "ended":
      if (last.state === "ended") return null;
      return t("announce.sign_in_ended", { name: account.name });
    default:
      return null;
  }
}

function secrets(before: Directory, now: Directory): string | null {
  if (now.secrets.state !== "unavailable" || same(before.secrets, now.secrets)) return null;
  return problemText(now.secrets.problem);
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
