const RealDate = Date;
let shiftMilliseconds = 0;

class ShiftedDate extends RealDate {
  constructor(...parts: [] | [number | string | Date]) {
    if (parts.length === 0) super(RealDate.now() + shiftMilliseconds);
    else super(parts[0]);
  }
  static override now(): number {
    return RealDate.now() + shiftMilliseconds;
  }
}

/** Moves this process's wall clock by so much from the true time; timers run on. */
export function shiftClock(milliseconds: number): void {
  shiftMilliseconds = milliseconds;
  globalThis.Date = ShiftedDate as DateConstructor;
}
