// Compilation through @foundry-rs/hardhat-forge: `hardhat compile` runs forge and writes Hardhat artifacts.
// Must be .cjs, because the package is "type": "module".
const path = require("node:path");

process.env.HARDHAT_DISABLE_TELEMETRY_PROMPT = "true";

// The plugin looks for `forge` on PATH only. Put the native binary first, since the npm launcher hides failures.
const cpu = process.arch === "x64" ? "amd64" : process.arch;
try {
  const manifest = require.resolve(`@foundry-rs/forge-${process.platform}-${cpu}/package.json`);
  process.env.PATH = path.join(path.dirname(manifest), "bin") + path.delimiter + process.env.PATH;
} catch {
  // no npm package for this platform: the forge on PATH is used
}

const { task } = require("hardhat/config");
const { HardhatPluginError } = require("hardhat/plugins");
require("@foundry-rs/hardhat-forge");
const { spawnBuild } = require("@foundry-rs/hardhat-forge/dist/src/forge/build/build");
const { spawnTest } = require("@foundry-rs/hardhat-forge/dist/src/forge/test/test");

const fail = (message) => {
  throw new HardhatPluginError("hardhat-forge", message);
};

// Version 0.1.17 drops forge's exit status and exchanges the two kinds of link references: both are put right here.
task("compile", async (taskArguments, hre) => {
  if (!(await spawnBuild({ ...taskArguments, ...hre.config.foundry }))) fail("forge build failed");
  if (!hre.config.foundry.writeArtifacts) return;
  const convert = hre.artifacts.convertForgeArtifact.bind(hre.artifacts);
  hre.artifacts.convertForgeArtifact = (artifact, name) => ({
    ...convert(artifact, name),
    linkReferences: artifact.bytecode.linkReferences ?? {},
    deployedLinkReferences: artifact.deployedBytecode.linkReferences ?? {},
  });
  hre.artifacts.writeArtifactsSync();
});

task("test", async (taskArguments) => {
  if (!(await spawnTest({ ...taskArguments }))) fail("forge test failed");
});

/** @type {import("hardhat/config").HardhatUserConfig} */
module.exports = {
  solidity: "0.8.30",
  paths: { sources: "./vaults", tests: "./test", artifacts: "./artifacts", cache: "./cache_hardhat" },
  foundry: { writeArtifacts: true, runSuper: false },
};
