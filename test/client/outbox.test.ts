import { expect, it } from "vitest";
import { memoryStorage } from "#client/device/memory-storage.ts";
import { Outbox, outboxMax } from "#client/device/outbox.ts";
import { Transport } from "#client/transport.ts";

const question = (id: string) => ({ id, region: "north", instance: { x: 1 }, at: Date.now() });

it("has room again once a question was refused, or another page has sent one", async () => {
  const storage = memoryStorage();
  const refused: string[] = [];
  const problem = { type: "about:blank", title: "Validation failed", detail: "", operation: "ask", next: "" };
  const outbox = new Outbox({
    ...{ model: "shop", storage, write: storage.write, onAnswer: async () => {} },
    transport: new Transport({
      ...{ url: "https://edge.test", tries: 1 },
      fetch: async () => Response.json({ ...problem, status: 422 }, { status: 422 }),
    }),
    onRefused: async ({ id }) => void refused.push(id),
  });
  expect(await outbox.room()).toBe(outboxMax);
  await storage.write(outbox.entriesOf([question("shop~north~1"), question("shop~north~2")]));
  expect(await outbox.room()).toBe(outboxMax - 2);
  const done = outbox.run();
  await expect.poll(() => refused).toEqual(["shop~north~1", "shop~north~2"]);
  await expect.poll(() => outbox.room()).toBe(outboxMax);
  outbox.end();
  await done;
  await storage.write(outbox.entriesOf([question("shop~north~3")]));
  await storage.write([["waiting/shop~north~3", undefined]]);
  expect(await outbox.room()).toBe(outboxMax - 1);
  outbox.changed();
  expect(await outbox.room()).toBe(outboxMax);
});

it("sends nothing before the time that the rung above has named, whatever else is asked", async () => {
  const storage = memoryStorage();
  let requests = 0;
  const problem = { type: "about:blank", title: "Too many requests", detail: "", operation: "ask", next: "" };
  const outbox = new Outbox({
    ...{ model: "shop", storage, write: storage.write, onAnswer: async () => {}, onRefused: async () => {} },
    transport: new Transport({
      ...{ url: "https://edge.test", tries: 1 },
      fetch: async () => {
        requests++;
        return Response.json({ ...problem, status: 429, retryAfter: 60 }, { status: 429 });
      },
    }),
  });
  await storage.write(outbox.entriesOf([question("shop~north~1")]));
  const done = outbox.run();
  await expect.poll(() => outbox.fault).toContain("Too many requests");
  await storage.write(outbox.entriesOf([question("shop~north~2")]));
  outbox.sendSoon();
  await new Promise((resolve) => setTimeout(resolve));
  expect(requests).toBe(1);
  outbox.end();
  await done;
});
