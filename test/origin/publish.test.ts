import { describe, expect, it } from "vitest";
import { ProblemError, type UpriverClient } from "#client/index.ts";
import { blobsOf } from "#core/artefacts.ts";
import type { ClassifyManifest } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { signatureFault } from "#core/sign.ts";
import { publish } from "#origin/publish.ts";
import type { Artefact } from "#origin/train/index.ts";
import { testKeys } from "../helpers/keys.ts";
import { testModel } from "../helpers/model.ts";

/** A client that records its calls in order. */
function recorder(latest: number | null) {
  const calls: string[] = [];
  const manifests: ClassifyManifest[] = [];
  const client = {
    versions: async () => {
      const problem = { type: "x", title: "x", status: 404, detail: "x", operation: "x", next: "x" };
      if (latest === null) throw new ProblemError(problem);
      return { versions: [{ version: latest }] };
    },
    putBlob: async (sha256: string, bytes: Uint8Array<ArrayBuffer>) => {
      expect(await sha256Hex(bytes)).toBe(sha256);
      calls.push(sha256);
    },
    putVersion: async (manifest: ClassifyManifest) => {
      calls.push(`version ${manifest.version}`);
      manifests.push(manifest);
    },
  } as unknown as UpriverClient;
  return { client, calls, manifests };
}

async function artefact(): Promise<Artefact> {
  const { manifest, blobs } = await testModel();
  const { version: _v, parent: _p, createdAt: _c, signature: _s, ...draft } = manifest;
  return { draft, blobs } as Artefact;
}

describe("publishing", () => {
  it.each([
    [null, 1],
    [6, 7],
  ])("after version %s creates version %i: all blobs first, then the signed manifest", async (latest, next) => {
    const { client, calls, manifests } = recorder(latest);
    const one = await artefact();
    const published = await publish(client, one, testKeys.publish.signing);
    expect(calls).toEqual([...blobsOf(one.draft).map(({ sha256 }) => sha256), `version ${next}`]);
    expect(manifests).toEqual([published]);
    expect(published.parent).toBe(latest);
    expect(await signatureFault(published, testKeys.publish.publicKeys)).toBeNull();
    expect(
      await signatureFault({ ...published, version: 99 } as ClassifyManifest, testKeys.publish.publicKeys),
    ).not.toBeNull();
  });

  it("does not upload blobs that are not in the artefact, which the edge has from earlier versions", async () => {
    const { client, calls } = recorder(null);
    const one = await artefact();
    const sha256 = blobsOf(one.draft).at(-1)?.sha256 as string;
    one.blobs.delete(sha256);
    await publish(client, one, testKeys.publish.signing);
    expect(calls).not.toContain(sha256);
    expect(calls.at(-1)).toBe("version 1");
  });
});
