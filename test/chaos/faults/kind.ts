import type { Draw } from "../../exact/draw.ts";
import type { World } from "../world.ts";

type Values = Readonly<Record<string, string | number | boolean>>;

/** A way in which the world goes wrong. */
export interface FaultKind {
  /** What happens, for the table. */
  readonly title: string;
  /** What is drawn for it; `slot` fixes when it begins. */
  readonly draw?: (draw: Draw) => Values;
  /** For how many blocks it lasts, least and most; absent = one instant. */
  readonly slots?: readonly [number, number];
  /** Whether it begins before its block is mined rather than after. */
  readonly before?: boolean;
  /** Whether the worker cannot be expected to come to rest while it is on. */
  readonly suspends?: boolean;
  /** Whether the chain's clock runs on by an hour while it is on. */
  readonly hour?: boolean;
  readonly reorganises?: boolean;
  /** Whether the worker must hear heads over a WebSocket, have a second node, give signs of life. */
  readonly webSocket?: boolean;
  readonly secondNode?: boolean;
  readonly heartbeats?: boolean;
  /** Whether it takes place only when the worker dies at the milestone that it names. */
  readonly crashes?: boolean;
  /** Whether what waits in Redis is gone with it. */
  readonly emptiesRedis?: boolean;
  /** Makes it so; what ends it is the function that it resolves to, if any. */
  begin(world: World, values: Values): Promise<unknown>;
}

/** Keeps a group's names as they are. */
export const faultKinds = <Name extends string>(kinds: Record<Name, FaultKind>): Record<Name, FaultKind> => kinds;

export const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));
