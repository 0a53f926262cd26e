/** How a level in dBFS becomes a length. */

/** What an empty meter stands for, in dBFS. */
export const FLOOR_DB = -60;

/** The share of a meter that `db` fills, 0 to 1. */
export function levelFraction(db: number): number {
  return Math.min(1, Math.max(0, (db - FLOOR_DB) / -FLOOR_DB));
}
