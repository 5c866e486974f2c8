const ADDRESS = /^(?:\[[0-9a-f:.]*\]|[a-z0-9_.-]*)(?::\d{0,5})?$/i;
const SEGMENT = /^[\w.-]*$/;
/** A path begins with a slash or ends with a suffix, which tells it from a key that was put in its place. */
const FILE = String.raw`(?:\.{0,2}\/[\w./-]{0,255}|[\w./-]{0,255}\.\w{1,4})`;
const PARAMETER = new RegExp(
  String.raw`^(?:wait=-?[\d.]{0,5}|sslmode=(?:allow|disable|prefer|require|verify-ca|verify-full)|` +
    String.raw`ssl(?:rootcert|cert|key)=${FILE}|options=-c(?: |%20)?search_path(?:=|%3D)\w{1,63})$`,
  'i',
);
const HIDDEN = '***';

/**
 * A store's URL as it may be shown, however badly it is written. Shown is only what has the form of something
 * harmless: scheme, addresses, path, `wait`, how TLS is set; whatever else there is may be a secret in the wrong place.
 */
export function redactUrl(url: string): string {
  const [, scheme, slashes = '', rest = ''] = /^([a-z][a-z0-9+.-]*:)(\/\/)?(.*)$/is.exec(url) ?? [];
  if (scheme === undefined) return HIDDEN;
  const at = rest.lastIndexOf('@');
  // What follows such an @ may still be part of a value.
  if (/[?#]/.test(rest.slice(0, Math.max(at, 0)))) return scheme + slashes + HIDDEN;
  const user = at < 0 ? '' : `${HIDDEN}@`;
  const [, place = '', query, fragment] =
    /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(rest.slice(at + 1)) ?? [];
  return [
    scheme,
    slashes,
    user,
    showPlace(scheme.toLowerCase(), place, slashes + user !== ''),
    query === undefined ? '' : `?${showEach(query, '&', PARAMETER)}`,
    fragment === undefined ? '' : `#${HIDDEN}`,
  ].join('');
}

function showPlace(scheme: string, place: string, hasAddress: boolean): string {
  // The name of a file, in which everything is allowed.
  if (scheme === 'sqlite:') return place;
  if (!hasAddress && place !== '') return HIDDEN;
  const [addresses = '', ...path] = place.split('/');
  return [showEach(addresses, ',', ADDRESS), ...path.map((part) => show(part, SEGMENT))].join('/');
}

function showEach(text: string, separator: string, harmless: RegExp): string {
  return text
    .split(separator)
    .map((part) => show(part, harmless))
    .join(separator);
}

function show(part: string, harmless: RegExp): string {
  return harmless.test(part) ? part : HIDDEN;
}
