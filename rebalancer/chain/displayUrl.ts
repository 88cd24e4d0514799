/** An address for people and logs: its host, and that there is a path, which may be a key. */
export function displayUrl(url: string): string {
  try {
    const { protocol, host, pathname, search } = new URL(url);
    return `${protocol}//${host}${pathname === "/" && search === "" ? "" : "/..."}`;
  } catch {
    return "(no address)";
  }
}
