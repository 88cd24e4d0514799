import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ENDPOINTS } from "../../../rebalancer/api/routes.ts";
import { specification } from "../../../rebalancer/api/specification.ts";
import { registerApi } from "../../../rebalancer/cli/api.ts";
import { verbRunner } from "../../support/verb.ts";

const api = verbRunner(registerApi, "api");

describe("the specification", () => {
  const document = specification();

  it("lists every route, and the token where a route changes something", () => {
    expect(document.openapi).toBe("3.1.0");
    for (const { path, method } of ENDPOINTS) {
      const operation = document.paths?.[path]?.[method];
      expect([path, operation?.summary]).toEqual([path, expect.stringMatching(/\w/)]);
      expect([path, operation?.security !== undefined]).toEqual([path, method !== "get"]);
    }
  });

  it("refers only to schemas that it holds", () => {
    const names = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(10);
    for (const name of names) expect(Object.keys(document.components?.schemas ?? {})).toContain(name);
  });

  it("is what `api openapi` prints", async () => {
    const { status, stdout } = await api("openapi");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify(document)));
  });

  it("has every route in the page for its readers", () => {
    const page = readFileSync(join(import.meta.dirname, "../../../docs/api.md"), "utf8");
    for (const { path, method } of ENDPOINTS) expect(page).toContain(`${method.toUpperCase()} ${path}`);
  });
});
