import { createCipheriv, createDecipheriv, pbkdf2, randomBytes, type ScryptOptions, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { bytesToHex, concat, type Hex, hexToBytes, keccak256 } from "viem";
import { privateKeyToAddress } from "viem/accounts";
import { z } from "zod";

const derive = {
  scrypt: promisify<string, Uint8Array, number, ScryptOptions, Buffer>(scrypt),
  pbkdf2: promisify(pbkdf2),
};

const hexOf = (bytes: number) =>
  z.string().regex(new RegExp(`^(0x)?[0-9a-fA-F]{${2 * bytes}}$`), `${bytes} bytes of hexadecimal digits`);
const salt = z.string().regex(/^(0x)?([0-9a-fA-F]{2}){1,128}$/, "1 to 128 bytes of hexadecimal digits");
const keyLength = z.literal(32);

/** Work that a file may ask for: a hostile one must not take the machine. 2^20 x 8 is a gigabyte. */
const MAX_SCRYPT_BYTES = 2 ** 30;
const MAX_PBKDF2_ROUNDS = 10_000_000;

const scryptParameters = z
  .object({ dklen: keyLength, n: z.int().min(2), r: z.int().min(1), p: z.int().min(1).max(16), salt })
  .refine(({ n }) => Number.isInteger(Math.log2(n)), { path: ["n"], message: "a power of two" })
  .refine(({ n, r }) => Math.log2(n) < 16 * r, { path: ["n"], message: "below 2^(16 x r)" })
  .refine(({ n, r }) => 128 * n * r <= MAX_SCRYPT_BYTES, {
    path: ["n"],
    message: `128 x n x r is at most ${MAX_SCRYPT_BYTES}`,
  });
const pbkdf2Parameters = z.object({
  dklen: keyLength,
  c: z.int().min(1).max(MAX_PBKDF2_ROUNDS),
  prf: z.literal("hmac-sha256"),
  salt,
});

const common = { cipher: z.literal("aes-128-ctr"), cipherparams: z.object({ iv: hexOf(16) }), mac: hexOf(32) };

/** The Web3 Secret Storage format, version 3. */
export const keystoreSchema = z.object({
  version: z.literal(3),
  address: hexOf(20).optional(),
  crypto: z.discriminatedUnion("kdf", [
    z.object({ ...common, ciphertext: hexOf(32), kdf: z.literal("scrypt"), kdfparams: scryptParameters }),
    z.object({ ...common, ciphertext: hexOf(32), kdf: z.literal("pbkdf2"), kdfparams: pbkdf2Parameters }),
  ]),
});
export type Keystore = z.output<typeof keystoreSchema>;

const bytes = (text: string) => hexToBytes(text.startsWith("0x") ? (text as Hex) : `0x${text}`);
const bare = (hex: Uint8Array) => bytesToHex(hex).slice(2);

/** The private key in a keystore; null when the password is not the one it was written with. */
export async function openKeystore({ crypto }: Keystore, password: string): Promise<Hex | null> {
  const { kdfparams } = crypto;
  const key =
    "n" in kdfparams
      ? await derive.scrypt(password, bytes(kdfparams.salt), 32, {
          N: kdfparams.n,
          r: kdfparams.r,
          p: kdfparams.p,
          maxmem: 256 * kdfparams.n * kdfparams.r + 2 ** 20,
        })
      : await derive.pbkdf2(password, bytes(kdfparams.salt), kdfparams.c, 32, "sha256");
  const ciphertext = bytes(crypto.ciphertext);
  const mac = keccak256(concat([key.subarray(16, 32), ciphertext]));
  if (mac.slice(2) !== crypto.mac.replace(/^0x/, "").toLowerCase()) return null;
  const decipher = createDecipheriv("aes-128-ctr", key.subarray(0, 16), bytes(crypto.cipherparams.iv));
  return bytesToHex(Buffer.concat([decipher.update(ciphertext), decipher.final()]));
}

/** A keystore that holds a private key under a password: scrypt with the strength that wallets use (256 MiB). */
export async function sealKeystore(privateKey: Hex, password: string, n = 2 ** 18) {
  const [saltBytes, iv, id] = [randomBytes(32), randomBytes(16), randomBytes(16)];
  const parameters = { dklen: 32, n, r: 8, p: 1 } as const;
  const key = await derive.scrypt(password, saltBytes, 32, { N: n, r: 8, p: 1, maxmem: 256 * n * 8 + 2 ** 20 });
  const cipher = createCipheriv("aes-128-ctr", key.subarray(0, 16), iv);
  const ciphertext = Buffer.concat([cipher.update(hexToBytes(privateKey)), cipher.final()]);
  return {
    version: 3,
    id: bare(id).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, "$1-$2-4$3-a$4-$5"),
    address: privateKeyToAddress(privateKey).slice(2).toLowerCase(),
    crypto: {
      cipher: "aes-128-ctr",
      cipherparams: { iv: bare(iv) },
      ciphertext: bare(ciphertext),
      kdf: "scrypt",
      kdfparams: { ...parameters, salt: bare(saltBytes) },
      mac: keccak256(concat([key.subarray(16, 32), ciphertext])).slice(2),
    },
  } satisfies Keystore & { id: string };
}
