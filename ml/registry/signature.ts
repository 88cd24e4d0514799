import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { InvalidInputError } from "../errors.ts";
import { ModelSignatureError } from "../runtime/errors.ts";
import type { Hex } from "../types.ts";

/**
 * A package's detached signature: ed25519 over the 32 bytes of its manifest's sha256. The manifest names the sha256 of the
 * model file, so what is signed is both. Who may sign is the operator's to say, never the package's.
 */
const FILE = "signature.json";

const hex = (bytes: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`), `must be ${bytes} bytes as hex`)
    .transform((value) => value as Hex);

const signatureSchema = z.strictObject({
  algorithm: z.literal("ed25519"),
  publicKey: hex(32),
  signature: hex(64),
});

/** What comes before the 32 bytes of a public key in its DER encoding (RFC 8410). */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/** A package's folder and the sha256 of its manifest. */
export interface SignedPackage {
  readonly folder: string;
  readonly manifestSha256: Hex;
}

/** Whose signature lies beside a package: null where there is none. Throws where it does not fit. */
export function signerOf({ folder, manifestSha256 }: SignedPackage): Hex | null {
  const file = join(folder, FILE);
  if (!existsSync(file)) return null;
  const { publicKey, signature } = parseSignature(readFileSync(file, "utf8"), file);
  const key = createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, bytesOf(publicKey)]),
    format: "der",
    type: "spki",
  });
  if (verify(null, bytesOf(manifestSha256), key, bytesOf(signature))) return publicKey;
  throw new ModelSignatureError(
    `${file}: the signature is not one of ${publicKey} over manifest.json (sha256 ${manifestSha256}), which was changed since; its author must sign it again`,
    { details: { folder, publicKey, manifestSha256 } },
  );
}

/** Refuses a package that none of the signers has signed; no signers = whoever made it. */
export function requireSigner(found: SignedPackage, signers: readonly Hex[]): void {
  if (signers.length === 0) return;
  const { folder } = found;
  const signer = signerOf(found);
  if (signer === null) {
    throw new ModelSignatureError(
      `${folder} is not signed, but must be by one of models.signers: rangekeeper model sign ${folder} --key FILE`,
      { details: { folder } },
    );
  }
  if (signers.includes(signer)) return;
  throw new ModelSignatureError(`${folder} is signed by ${signer}, who is none of models.signers`, {
    details: { folder, signer },
  });
}

/** Writes a package's signature and answers the public key, which an operator puts into models.signers. */
export function signPackage({ folder, manifestSha256 }: SignedPackage, keyFile: string): Hex {
  const key = readKey(keyFile);
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  const publicKey: Hex = `0x${spki.subarray(SPKI_PREFIX.length).toString("hex")}`;
  const signature = `0x${sign(null, bytesOf(manifestSha256), key).toString("hex")}`;
  writeFileSync(join(folder, FILE), `${JSON.stringify({ algorithm: "ed25519", publicKey, signature }, null, 2)}\n`);
  return publicKey;
}

function readKey(file: string): KeyObject {
  const rule = "an ed25519 private key in PEM (openssl genpkey -algorithm ed25519 -out FILE)";
  let key: KeyObject;
  try {
    key = createPrivateKey(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new InvalidInputError(`--key: ${file}; rule: ${rule}`, { cause });
  }
  if (key.asymmetricKeyType === "ed25519") return key;
  throw new InvalidInputError(`--key: ${file} is of ${key.asymmetricKeyType}; rule: ${rule}`);
}

function parseSignature(text: string, file: string): z.infer<typeof signatureSchema> {
  try {
    return signatureSchema.parse(JSON.parse(text));
  } catch (cause) {
    const [issue] = cause instanceof z.ZodError ? cause.issues : [];
    const why = issue === undefined ? (cause as Error).message : `${issue.path.join(".")} ${issue.message}`;
    throw new ModelSignatureError(`${file}: ${why}`, { cause, details: { file } });
  }
}

const bytesOf = (value: Hex): Buffer => Buffer.from(value.slice(2), "hex");
