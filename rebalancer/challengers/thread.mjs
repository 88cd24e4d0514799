// A challenger's worker thread: TypeScript under plain node, as bin.mjs does it.
import { register } from "tsx/esm/api";

register();
await import("./thread.ts");
