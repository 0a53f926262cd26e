/** Which of two inks can be read on a colour that somebody else chose. */

/** A colour's parts, 0 to 1, in the order red, green, blue; `null` where it is none. */
function parts(color: string): [number, number, number] | null {
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(color);
  if (hex === null) return null;
  const [red = 0, green = 0, blue = 0] = hex.slice(1).map((part) => parseInt(part, 16) / 255);
  return [red, green, blue];
}

/** Relative luminance, 0 to 1 (WCAG 2.2); `null` for what is not a colour such as `#0b6b58`. */
export function luminance(color: string): number | null {
  const linear = parts(color)?.map((part) =>
    part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
  );
  if (linear === undefined) return null;
  const [red = 0, green = 0, blue = 0] = linear;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Contrast ratio of two luminances, 1 to 21 (WCAG 2.2). */
export function contrast(one: number, other: number): number {
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}

/** The ink with the higher contrast on `color`, which is never below 4.5; `null` for no colour. */
export function inkOn(color: string | null): "dark" | "light" | null {
  const under = color === null ? null : luminance(color);
  if (under === null) return null;
  return contrast(under, 0) >= contrast(under, 1) ? "dark" : "light";
}
