import { toBase64 } from "../../core/bytes.ts";
import { contributionMinLabels, type NewContribution } from "../../core/contract/index.ts";
import { toHex } from "../../core/hash.ts";
import type { Label } from "../../core/head/label.ts";
import { addRow, emptySums, encodeSums, labelWeightUnit } from "../../core/head/sums.ts";
import { randomBytes } from "../../core/random.ts";
import { taskOf } from "../../core/task/index.ts";
import { ProblemError } from "../errors.ts";
import { regionPath } from "../requests.ts";
import type { Transport } from "../transport.ts";
import { DeviceError } from "./errors.ts";
import type { Example } from "./lessons.ts";
import type { Served } from "./served.ts";
import type { Contribution, DeviceStorage } from "./types.ts";

const key = "contribution";
const idBytes = 16;

/** What a device has contributed last. Only the device knows the id. */
interface Sent {
  id: string;
  revision: number;
}

/** Sends the region exact sums over what the device was taught, which replace earlier ones, and withdraws them. */
export class Contributing {
  private readonly storage: DeviceStorage;
  private readonly transport: Transport;

  constructor(storage: DeviceStorage, transport: Transport) {
    this.storage = storage;
    this.transport = transport;
  }

  /** Sends the sums of the examples whose labels have enough of them. Throws `DeviceError` where there are none. */
  async contribute({ serving, manifest }: Served, examples: readonly Example[]): Promise<Contribution> {
    const { labels: known, policy, number, thin } = manifest;
    const byLabel = Map.groupBy(examples, ({ label }) => label);
    const isGiven = (label: string) =>
      number !== undefined ||
      ((byLabel.get(label)?.length ?? 0) >= contributionMinLabels &&
        (known.includes(label) || policy.labels === "open"));
    const given = examples.filter(({ label }) => isGiven(label));
    if (given.length < contributionMinLabels) {
      const ofModel = policy.labels === "open" ? "" : " that the model has (its recipe allows no others)";
      throw new DeviceError(`A contribution needs ${contributionMinLabels} examples of a label${ofModel}. Teach more.`);
    }
    const labels = number ? known : [...new Set(given.map(({ label }) => label))];
    const sums = emptySums(thin.head.width, labels.length);
    for (const { vector, label } of given) {
      const taught = (number ? taskOf(manifest).labelOf(label) : labels.indexOf(label)) as Label;
      addRow(sums, { vector, label: taught, weight: labelWeightUnit });
    }
    const before = await this.sent();
    const sent = {
      id: before?.id ?? toHex(randomBytes(idBytes)),
      // Higher than all earlier ones, also on a device that was restored.
      revision: Math.max(Date.now(), (before?.revision ?? 0) + 1),
    };
    // Stored before it is sent, so that it can always be withdrawn.
    await this.storage.write([[key, sent]]);
    const body: NewContribution = {
      ...{ revision: sent.revision, backbone: thin.backbone.sha256, labels: [...labels] },
      sums: toBase64(encodeSums(sums)),
    };
    await this.transport.json({ method: "PUT", path: pathOf(serving, sent), body });
    const counts = Object.fromEntries(
      [...Map.groupBy(given, ({ label }) => label)].map(([label, of]) => [label, of.length]),
    );
    return { id: sent.id, examples: given.length, labels: counts };
  }

  /** Withdraws what was sent; returns whether there was anything. */
  async withdraw({ serving }: Served): Promise<boolean> {
    const sent = await this.sent();
    if (!sent) return false;
    try {
      const request = { method: "DELETE", path: pathOf(serving, sent) } as const;
      return (await this.transport.json<{ changed: boolean }>(request)).changed;
    } catch (error) {
      // The region never received it.
      if (error instanceof ProblemError && error.status === 404) return false;
      throw error;
    }
  }

  private async sent(): Promise<Sent | undefined> {
    return (await this.storage.get(key)) as Sent | undefined;
  }
}

function pathOf({ model, region }: Served["serving"], { id }: Sent): string {
  return `${regionPath(model, region)}/contributions/${id}`;
}
