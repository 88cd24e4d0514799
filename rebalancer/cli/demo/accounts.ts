import { mnemonicToAccount } from "viem/accounts";
import type { Hex } from "../../../ml/types.ts";

/** The mnemonic that anvil and every other development chain starts with: worthless outside a local chain. */
const MNEMONIC = "test test test test test test test test test test test junk";

const account = (addressIndex: number) => mnemonicToAccount(MNEMONIC, { addressIndex });

function privateKey(addressIndex: number): Hex {
  const key = account(addressIndex).getHdKey().privateKey;
  if (!key) throw new Error("the development mnemonic gives private keys");
  return `0x${Buffer.from(key).toString("hex")}`;
}

/** Who is who on the demo's chain. */
export const accounts = {
  owner: account(0).address,
  curator: account(1).address,
  guardian: account(2).address,
  keeper: account(3).address,
  modelSigner: account(4).address,
  depositors: [
    { name: "Ada", address: account(5).address },
    { name: "Grace", address: account(6).address },
    { name: "Satoshi", address: account(7).address },
  ],
} as const;

/** Keys of a local chain's accounts, for child processes that take them from their environment. */
export const localKeys = () => ({
  owner: privateKey(0),
  guardian: privateKey(2),
  keeper: privateKey(3),
  modelSigner: privateKey(4),
  /** Of a second worker: two that share a key would take each other's nonces. */
  secondKeeper: privateKey(8),
});
