import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

function find(): string | undefined {
  for (const folder of (process.env.PATH ?? "").split(delimiter))
    for (const name of NAMES) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {}
    }
  return process.env.CHROMIUM_PATH;
}

/** A real browser without a window; installs Chromium with apt when it is missing and this process is root. */
export async function launchChromium(): Promise<Browser> {
  let path = find();
  if (!path && process.getuid?.() === 0) {
    console.log("chromium is not installed: installing it with apt-get (running as root)");
    const quiet = { stdio: "ignore" as const, env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } };
    spawnSync("apt-get", ["update", "-qq"], quiet);
    spawnSync("apt-get", ["-o", "DPkg::Lock::Timeout=120", "install", "-y", "-qq", "chromium"], quiet);
    path = find();
  }
  if (!path) throw new Error("Chromium not found on PATH: type `sudo apt-get install chromium` or set CHROMIUM_PATH");
  return chromium.launch({
    executablePath: path,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
