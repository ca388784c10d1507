import { setTimeout as pause } from "node:timers/promises";
import { expect, it } from "vitest";
import { Device } from "#client/device/device.ts";
import type { DeviceApi } from "#client/device/types.ts";
import { DeadlineError } from "#client/errors.ts";

it("rejects only the call when the deadline passes before the storage has replied", async () => {
  const known = () => pause(20, null);
  const device = new Device({ known } as Partial<DeviceApi> as DeviceApi, () => {});
  await expect(device.wait({ id: "shop~north~1" }, { deadlineMs: 0 })).rejects.toThrow(DeadlineError);
});
