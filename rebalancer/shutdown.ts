/** Things to close when the worker stops, in reverse order of opening. */
export interface Shutdown {
  /** Registers a closer; the last one registered runs first. */
  add(name: string, close: () => unknown): void;
  /** Runs every closer once; an error in one does not keep the others from running and is thrown at the end. */
  run(): Promise<void>;
}

/** A fresh list of closers. */
export function createShutdown(): Shutdown {
  const closers: { name: string; close: () => unknown }[] = [];
  return {
    add: (name, close) => void closers.push({ name, close }),
    async run() {
      const errors: unknown[] = [];
      for (let closer = closers.pop(); closer; closer = closers.pop()) {
        try {
          await closer.close();
        } catch (error) {
          errors.push(error);
        }
      }
      if (errors.length > 0) throw errors[0];
    },
  };
}
