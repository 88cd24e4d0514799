import { expect, it } from "vitest";
import { memo } from "../../../rebalancer/api/memo.ts";

/** A memo whose answers come when the test says so: 1, 2, 3 ... */
function controlled() {
  const asked: { readonly resolve: () => void; readonly reject: () => void }[] = [];
  let time = 0;
  const get = memo(
    { refreshMilliseconds: 100, mostMilliseconds: 200, lateMilliseconds: 1_000 },
    () =>
      new Promise<number>((resolve, reject) => {
        const number = asked.length + 1;
        asked.push({ resolve: () => resolve(number), reject: () => reject(new Error(`no ${number}`)) });
      }),
    () => time,
  );
  const at = (milliseconds: number) => {
    time = milliseconds;
  };
  return { asked, get, at };
}
const settle = () => new Promise((resolve) => setImmediate(resolve));

it("fetches once for all who ask, and again before the answer is too old, for which nobody waits", async () => {
  const { asked, get, at } = controlled();
  const first = [get(), get()];
  asked[0]?.resolve();
  expect(await Promise.all(first)).toEqual([1, 1]);
  at(99);
  expect([await get(), asked.length]).toEqual([1, 1]);
  at(100);
  expect([await get(), await get(), asked.length]).toEqual([1, 1, 2]);
  asked[1]?.resolve();
  await settle();
  expect([await get(), asked.length]).toEqual([2, 2]);
});

it("lets them wait once the answer is as old as it may be, counted from when it was asked for", async () => {
  const { asked, get, at } = controlled();
  const first = get();
  at(150);
  asked[0]?.resolve();
  expect(await first).toBe(1);
  at(200);
  const late = [get(), get()];
  asked[1]?.resolve();
  expect([await Promise.all(late), asked.length]).toEqual([[2, 2], 2]);
});

it("gives what it had while a fetch that began in time takes long, and not beyond the last age", async () => {
  const { asked, get, at } = controlled();
  const first = get();
  asked[0]?.resolve();
  await first;
  at(199);
  expect([await get(), asked.length]).toEqual([1, 2]);
  at(999);
  expect([await get(), asked.length]).toEqual([1, 2]);
  at(1_000);
  const late = get();
  asked[1]?.resolve();
  expect([await late, asked.length]).toEqual([2, 2]);
});

it("keeps no error, and what it had while it may", async () => {
  const { asked, get, at } = controlled();
  const first = get();
  asked[0]?.reject();
  await expect(first).rejects.toThrow("no 1");
  const second = get();
  asked[1]?.resolve();
  expect(await second).toBe(2);
  at(100);
  expect(await get()).toBe(2);
  asked[2]?.reject();
  await settle();
  expect([await get(), asked.length]).toEqual([2, 4]);
});
