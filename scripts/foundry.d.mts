/** Absolute path of `forge`, `anvil` or `cast`; throws an error that says what to type when there is none. */
export function foundryBinary(tool: "forge" | "anvil" | "cast"): string;
