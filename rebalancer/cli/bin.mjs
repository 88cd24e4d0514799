#!/usr/bin/env node
// `rangekeeper`: the command line, in TypeScript, under plain node.
import { register } from "tsx/esm/api";

register();
await import("./main.ts");
