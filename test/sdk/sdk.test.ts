import { createClient, createPublicClient, http, zeroAddress, zeroHash } from "viem";
import { mnemonicToAccount, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accounts, localKeys } from "../../rebalancer/cli/demo/accounts.ts";
import {
  decodeRevert,
  decodeRevertData,
  deposit,
  getBounds,
  getVault,
  getVaultState,
  modelStrategyAbi,
  previewRebalance,
  proposalDigest,
  type RebalanceProposal,
  rangeVaultAbi,
  redeem,
  redeemInKind,
  signProposal,
} from "../../sdk/index.ts";
import { type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";

let local: LocalDeployment;
beforeAll(async () => {
  local = await startLocalDeployment();
}, 400_000);
afterAll(() => local?.stop());

const depositor = accounts.depositors[0].address;
const client = () => createPublicClient({ transport: http(local.market.anvil.url) });

/** Mines what waits and returns whether the transaction succeeded. */
async function mined(hash: `0x${string}`): Promise<string> {
  await local.tick(12);
  return (await client().getTransactionReceipt({ hash })).status;
}

describe("proposals", () => {
  const proposal = (): RebalanceProposal => ({
    vault: local.deployment.vault,
    nonce: 0n,
    deadline: BigInt(local.time + 600),
    executor: zeroAddress,
    modelId: local.deployment.modelId,
    inputsDigest: `0x${"12".repeat(32)}`,
    declaredGain: 2n ** 90n,
    declaredCost: 3n,
    declaredSpreadWad: 4n,
    ranges: [
      { lowerTick: -1_200, upperTick: 1_200, weightWad: 10n ** 17n },
      { lowerTick: -600, upperTick: 6_000, weightWad: 2n },
    ],
    swap: { zeroForOne: true, amountIn: 5n, sqrtPriceLimitX96: 2n ** 96n - 1n },
    minSharePrice: 7n,
  });
  const domain = () => ({ chainId: 31337, strategy: local.deployment.strategy });

  it("hash to what the strategy hashes them to", async () => {
    for (const changed of [proposal(), { ...proposal(), ranges: [] }, { ...proposal(), executor: depositor }]) {
      const onChain = await client().readContract({
        address: local.deployment.strategy,
        abi: modelStrategyAbi,
        functionName: "proposalDigest",
        args: [changed],
      });
      expect(proposalDigest(domain(), changed)).toBe(onChain);
    }
  });

  it("signed by the model's key pass as a de-risk; by another key they are refused in words", async () => {
    const idle = {
      ...proposal(),
      ranges: [],
      swap: { zeroForOne: false, amountIn: 0n, sqrtPriceLimitX96: 0n },
      minSharePrice: 0n,
    };
    const [good, bad] = await Promise.all(
      [localKeys().modelSigner, localKeys().keeper].map((key) =>
        signProposal(privateKeyToAccount(key), { ...domain(), proposal: idle }),
      ),
    );
    const { strategy } = local.deployment;
    const report = await previewRebalance(client(), { strategy, proposal: idle, signature: good ?? zeroHash });
    expect(report.lossWad).toBe(0n);
    const error = await previewRebalance(client(), { strategy, proposal: idle, signature: bad ?? zeroHash }).catch(
      (caught) => caught,
    );
    expect(decodeRevert(error)).toMatchObject({ name: "SignatureInvalid", args: { signer: accounts.modelSigner } });
    expect(decodeRevert(error)?.sentence).toMatch(/^signature invalid: signer 0x/);
  });
});

describe("decodeRevert", () => {
  it("gives null for what is no revert", async () => {
    const nowhere = createPublicClient({ transport: http("http://127.0.0.1:1", { retryCount: 0 }) });
    expect(decodeRevert(await nowhere.getBlockNumber().catch((caught) => caught))).toBeNull();
    expect(decodeRevert(new Error("something else"))).toBeNull();
  });

  it("says so when there is no reason, or one that nobody knows", () => {
    expect(decodeRevertData("0x").sentence).toBe("reverted without a reason");
    expect(decodeRevertData("0xdeadbeef00").sentence).toBe("reverted with unknown data 0xdeadbeef");
  });
});

describe("actions", () => {
  it("read a vault and its bounds", async () => {
    const vault = await getVault(client(), local.deployment);
    expect(vault.asset).toBe(local.market.deployment.token0);
    expect(vault.idle0).toBe(10_000n * 10n ** 18n);
    const state = await getVaultState(client(), local.deployment);
    expect(state).toMatchObject({ numeraire: 0, nextNonce: 0n, calm: true, paused: false, positions: [] });
    expect(state.referenceTick).toBeGreaterThan(-300);
    expect((await getBounds(client(), local.deployment)).maxWidthTicks).toBeGreaterThan(0);
  });

  it("deposit, redeem and redeem in kind, each under its own minimum", async () => {
    const wallet = createClient({ transport: http(local.market.anvil.url) });
    const { vault } = local.deployment;
    const junk = "test test test test test test test test test test test junk";
    const account = mnemonicToAccount(junk, { addressIndex: 5 });
    expect(account.address).toBe(depositor);
    // viem does not estimate fees where the base fee is zero
    await local.market.rpc.call("anvil_setNextBlockBaseFeePerGas", ["0x174876e800"]);
    await local.tick(12);
    const shares = () =>
      client().readContract({ address: vault, abi: rangeVaultAbi, functionName: "balanceOf", args: [depositor] });
    const held = await shares();
    const part = held / 4n;
    const exit = { account, vault, shares: part, owner: depositor };

    expect(await mined(await redeem(wallet, { ...exit, receiver: depositor, minAssets: 1n }))).toBe("success");
    expect(await shares()).toBe(held - part);
    const both = { receiver0: depositor, receiver1: depositor, min0: 1n, min1: 0n };
    expect(await mined(await redeemInKind(wallet, { ...exit, ...both }))).toBe("success");
    expect(await shares()).toBe(held - 2n * part);

    const tooMuch = await redeem(wallet, { ...exit, receiver: depositor, minAssets: 10n ** 30n }).catch(
      (caught) => caught,
    );
    expect(decodeRevert(tooMuch)).toMatchObject({ name: "AmountBelowMin", args: { min: 10n ** 30n } });
    const unapproved = { account, vault, assets: 10n, receiver: depositor, minShares: 0n };
    expect(decodeRevert(await deposit(wallet, unapproved).catch((caught) => caught))).toMatchObject({
      name: "ERC20InsufficientAllowance",
    });
  });
});
