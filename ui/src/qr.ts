/** A QR code as one path, so that it is sharp at every size. */
import type { QrCode } from "./bindings";

/** Light modules that must be around a code (ISO/IEC 18004, 7.1). */
export const QUIET_ZONE = 4;

/** Modules on a side, with the quiet zone. */
export function qrSide({ size }: QrCode): number {
  return size + 2 * QUIET_ZONE;
}

/** The dark modules, one rectangle for each run in a row, in modules from the quiet zone's corner. */
export function qrPath({ size, modules }: QrCode): string {
  let path = "";
  for (let row = 0; row < size; row += 1) {
    for (const run of modules.slice(row * size, (row + 1) * size).matchAll(/#+/g)) {
      const length = run[0].length;
      path += `M${run.index + QUIET_ZONE} ${row + QUIET_ZONE}h${length}v1h-${length}z`;
    }
  }
  return path;
}
