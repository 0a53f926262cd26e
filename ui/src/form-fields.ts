/** Reads forms with a secret in them, and leaves nothing of it behind. */

/** The form's fields as text, trimmed; the field named `secret` is emptied, and not trimmed. */
export function takeFields(form: HTMLFormElement, secret?: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string") fields.set(name, name === secret ? value : value.trim());
  }
  const field = secret === undefined ? null : form.elements.namedItem(secret);
  if (field instanceof HTMLInputElement) field.value = "";
  return fields;
}

/** An address as people type it, with the scheme that it needs. */
export function withScheme(address: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(address) ? address : `https://${address}`;
}
