import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { takeKeys } from "#scripts/node/enrol.ts";
import { newNode, readNode, saveNode } from "#scripts/node/state.ts";
import { withdraw } from "#scripts/node/withdraw.ts";

it("keeps what a node shares where that changes while its keys are fetched", async () => {
  const data = await mkdtemp(join(tmpdir(), "upriver-keys-"));
  const keys = { publishKeys: { next: "k" }, deploymentKeys: {}, share: "sums" };
  const server = createServer((_, response) => {
    void withdraw(data).then(() => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(keys));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const above = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const enrolment = { id: "plant", token: "t", publishKeys: {}, deploymentKeys: {}, share: "sums" } as const;
    await saveNode(data, await newNode(above, enrolment));
    await takeKeys(data);
    expect(await readNode(data)).toMatchObject({ share: "nothing", publishKeys: { next: "k" } });
  } finally {
    server.close();
    await rm(data, { recursive: true });
  }
});
