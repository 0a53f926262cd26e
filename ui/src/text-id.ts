/** Ids of typed messages. */

/** The most that the phone accepts, in characters. */
const LONGEST_ID = 32;

/** A new id: 122 random bits as 32 hexadecimal digits. */
export function textId(): string {
  return crypto.randomUUID().replaceAll("-", "").slice(0, LONGEST_ID);
}
