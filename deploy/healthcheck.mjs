// Ends with 0 when the address given answers with success within three seconds; the image has no curl.
const response = await fetch(process.argv[2], { signal: AbortSignal.timeout(3_000) }).catch(() => null);
process.exit(response?.ok ? 0 : 1);
