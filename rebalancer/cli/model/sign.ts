import { resolve } from "node:path";
import type { Command } from "commander";
import { readPackage } from "../../../ml/models/resolve.ts";
import { signPackage } from "../../../ml/registry/signature.ts";
import { answer, examples, guarded } from "../options.ts";
import { wrap } from "../wrap.ts";

interface SignOptions {
  readonly key: string;
  readonly json?: boolean;
}

/** `model sign`: the author's signature over a package, beside it. */
export function registerModelSign(model: Command): void {
  const verb = model
    .command("sign")
    .description("sign a package, for those who take none but yours")
    .argument("<folder>", "the package; signature.json is written into it")
    .requiredOption("--key <file>", "your ed25519 private key in PEM")
    .option("--json", "answer in JSON")
    .action((given: string, options: SignOptions) =>
      guarded(options, async () => {
        const found = readPackage(resolve(given));
        const publicKey = signPackage(found, options.key);
        const { folder, manifest, manifestSha256 } = found;
        answer(options, { folder, manifestSha256, publicKey }, () =>
          [
            wrap(`signed ${manifest.id}@${manifest.version}, whose manifest.json is ${manifestSha256}`, 2),
            "whoever is to take it names your key in the configuration:",
            "",
            "[models]",
            `signers = ["${publicKey}"]`,
          ].join("\n"),
        );
      }),
    );
  examples(
    verb,
    "openssl genpkey -algorithm ed25519 -out signer.pem",
    "rangekeeper model sign ./my-rule --key signer.pem",
  );
}
