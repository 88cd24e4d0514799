import { execFileSync } from "node:child_process";
import { closeSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import Libsql from "libsql";
import type { World } from "../world.ts";
import { faultKinds, sleep } from "./kind.ts";

export const journalFaults = faultKinds({
  "disk-full": {
    title: "the disk of the journal is full",
    slots: [1, 3],
    before: true,
    suspends: true,
    begin: async (world) => (world.lane.mounted ? fillDisk(world) : limitFiles(world)),
  },
  "file-limit": {
    title: "the journal may not grow",
    slots: [1, 2],
    before: true,
    suspends: true,
    begin: async (world) => limitFiles(world),
  },
  "journal-locked": {
    title: "another process holds the journal locked",
    draw: (draw) => ({ milliseconds: draw.pick([200, 1_000, 4_000, 7_000]) }),
    before: true,
    async begin(world, { milliseconds }) {
      const unlock = await lock([...world.journals][0] ?? "");
      // It ends while blocks come: the next one is mined under the lock.
      const timer = sleep(Number(milliseconds)).then(unlock);
      return () => timer;
    },
    slots: [1, 2],
    suspends: true,
  },
});

function fillDisk(world: World): () => void {
  const file = join(world.lane.journals, "filler");
  const handle = openSync(file, "w");
  const piece = Buffer.alloc(64 * 1024);
  for (let size = piece.length; size >= 1; ) {
    try {
      if (writeSync(handle, piece, 0, size) < size) size = Math.floor(size / 2);
    } catch {
      size = Math.floor(size / 2);
    }
  }
  closeSync(handle);
  return () => rmSync(file, { force: true });
}

function limitFiles({ worker, journals }: World): () => void {
  const [journal = ""] = journals;
  const size = Math.max(
    ...[journal, `${journal}-wal`].map((file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0),
  );
  const pid = worker.pid();
  const set = (limit: string) => {
    try {
      execFileSync("prlimit", ["--pid", String(pid), `--fsize=${limit}:`], { stdio: "ignore" });
    } catch {
      // gone already: its successor has no limit
    }
  };
  set(String(size));
  return () => set("unlimited");
}

async function lock(path: string): Promise<() => void> {
  const db = new Libsql(path);
  for (let tries = 0; ; tries++) {
    try {
      db.exec("BEGIN EXCLUSIVE");
      break;
    } catch (error) {
      if (tries > 200) throw error;
      await sleep(10);
    }
  }
  return () => {
    db.exec("ROLLBACK");
    db.close();
  };
}
