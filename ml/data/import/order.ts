import type { StoredEvent } from "../store/eventTypes.ts";

/** How an event breaks the order of the one before it. */
export interface OrderFault {
  readonly field: "block_number" | "timestamp" | "log_index";
  readonly value: number;
  readonly rule: string;
  readonly kind: "disorder" | "duplicate";
}

/** Null when `event` may follow `last`. */
export function orderFault(last: StoredEvent, event: StoredEvent): OrderFault | null {
  const fault = (field: OrderFault["field"], value: number, rule: string): OrderFault => ({
    field,
    value,
    rule,
    kind: "disorder",
  });
  if (event.block < last.block) {
    return fault(
      "block_number",
      event.block,
      `events must be in order, and the event before is of block ${last.block}`,
    );
  }
  if (event.timestamp < last.timestamp) {
    return fault("timestamp", event.timestamp, `events must be in order, and the event before is of ${last.timestamp}`);
  }
  if (event.block !== last.block) return null;
  if (event.timestamp !== last.timestamp) {
    return fault(
      "timestamp",
      event.timestamp,
      `one block has one time, and block ${event.block} had ${last.timestamp}`,
    );
  }
  if (event.order > last.order) return null;
  const rule = `events of a block must be in order, and the event before has ${last.order}`;
  return { field: "log_index", value: event.order, rule, kind: event.order === last.order ? "duplicate" : "disorder" };
}
